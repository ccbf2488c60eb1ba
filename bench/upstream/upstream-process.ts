import { fakeTrack } from '../../test/fakes/spotify/fake-track';
import { type SpotifyFake, startSpotifyFake } from '../../test/fakes/spotify/spotify-fake';

/* The far end, in a process of its own: one stand-in of Spotify for each run. Talks to its parent by messages. */

/** What the parent asks for. */
export type UpstreamRequest =
  | { readonly kind: 'start'; readonly runs: readonly { limit: number; isStrict: boolean }[] }
  | { readonly kind: 'count' };

/** Where a stand-in listens. */
export interface UpstreamAddress {
  readonly apiUrl: string;
  readonly accountsUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

/** What one stand-in has seen so far. */
export interface UpstreamCount {
  readonly calls: number;
  readonly refused: number;
}

const fakes: SpotifyFake[] = [];

process.on('message', (request: UpstreamRequest) => {
  void answer(request).then((message) => process.send?.(message));
});
process.on('disconnect', () => process.exit());

async function answer(request: UpstreamRequest): Promise<readonly (UpstreamAddress | UpstreamCount)[]> {
  if (request.kind === 'count')
    return fakes.map(({ stats }) => ({ calls: stats.calls.search, refused: stats.rejected429 }));
  for (const [seed, { limit, isStrict }] of request.runs.entries()) {
    const fake = await startSpotifyFake({
      seed: seed + 1,
      latencyMs: [50, 150],
      windowLimit: limit,
      isWindowStrict: isStrict,
      catalogue: [fakeTrack({ isrc: 'USVT10300001' })],
    });
    fakes.push(fake);
  }
  return fakes.map(({ apiUrl, accountsUrl, clientId, clientSecret }) => ({
    apiUrl,
    accountsUrl,
    clientId,
    clientSecret,
  }));
}
