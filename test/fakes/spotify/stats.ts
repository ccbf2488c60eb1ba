import { IncomingMessage } from 'node:http';

/** The endpoints that are counted apart; everything else is `other`. */
export type EndpointName =
  'search' | 'track' | 'tracks' | 'album' | 'albums' | 'artist' | 'artists' | 'other';

/** One request as it arrived; the Authorization header is left out. */
export interface SeenRequest {
  /** Milliseconds on the stand-in's clock. */
  at: number;
  method: string;
  path: string;
  query: Record<string, string>;
  headersWithoutAuthorization: Record<string, string>;
}

/** What tests assert on (spotify-api.md 7, "counters"). */
export interface SpotifyFakeStats {
  tokenCalls: number;
  calls: Record<EndpointName, number>;
  /** Searches per ISRC in normalised spelling, whatever they were answered with. */
  searches: Record<string, number>;
  /** API calls that arrived while a 429 with a known end was still in force for them. */
  callsDuringBan: number;
  /** Most API calls within any rolling 30 s since the last reset. */
  peakIn30s: number;
  rejected429: number;
  /** Answers 304 to callers who held this version already. */
  notModified: number;
  requests: SeenRequest[];
}

/** The window that Spotify counts in (spotify-api.md 4.1). */
export const WINDOW_MS = 30_000;

// A load test must not fill the memory with its own record.
const MOST_REQUESTS = 20_000;

/** Keeps the counters; `stats` is one live object that `reset` empties in place. */
export class StatsBook {
  readonly stats: SpotifyFakeStats = emptyStats();
  private arrivals: number[] = [];

  reset(): void {
    Object.assign(this.stats, emptyStats());
    this.arrivals = [];
  }

  saw(request: IncomingMessage, url: URL, at: number): void {
    const headers = Object.entries(request.headers)
      .filter(([name]) => name !== 'authorization')
      .map(([name, value]) => [name, String(value)] as const);
    if (this.stats.requests.length >= MOST_REQUESTS) this.stats.requests.shift();
    this.stats.requests.push({
      at,
      method: request.method ?? '',
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      headersWithoutAuthorization: Object.fromEntries(headers),
    });
  }

  apiCall(endpoint: EndpointName, at: number): void {
    this.stats.calls[endpoint]++;
    this.arrivals = this.arrivals.filter((arrival) => arrival > at - WINDOW_MS);
    this.arrivals.push(at);
    this.stats.peakIn30s = Math.max(this.stats.peakIn30s, this.arrivals.length);
  }

  searched(isrc: string): void {
    this.stats.searches[isrc] = (this.stats.searches[isrc] ?? 0) + 1;
  }
}

function emptyStats(): SpotifyFakeStats {
  return {
    tokenCalls: 0,
    calls: { search: 0, track: 0, tracks: 0, album: 0, albums: 0, artist: 0, artists: 0, other: 0 },
    searches: {},
    callsDuringBan: 0,
    peakIn30s: 0,
    rejected429: 0,
    notModified: 0,
    requests: [],
  };
}
