import { FakeCatalogue } from './catalogue';
import { Reply } from './http-reply';
import { ALL_MARKETS } from './markets';
import { apiError } from './spotify-errors';
import { Rendering } from './track-json';

/** One authorised call to the API host, with all that an endpoint needs to answer it. */
export interface ApiCall {
  /** The path below `/v1`, in parts: `/v1/tracks/abc` is `['tracks', 'abc']`. */
  path: string[];
  params: URLSearchParams;
  catalogue: FakeCatalogue;
  /** Mode, market and links; the market is already checked. */
  rendering: Rendering;
  /** Whether the bug of spotify-api.md 2.2 strikes this query. */
  hasTotalBug: (q: string) => boolean;
}

/** Null where the market is good or missing (spotify-api.md 2.1, 4.3). */
export function refuseMarket(params: URLSearchParams): Reply | null {
  const market = params.get('market');
  if (market === null || ALL_MARKETS.includes(market)) return null;
  // `from_token` needs a user, and Client Credentials have none.
  if (market === 'from_token') return apiError(403, 'Insufficient client scope');
  return apiError(400, 'Invalid market code');
}
