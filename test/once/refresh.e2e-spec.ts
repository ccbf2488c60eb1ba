import type { Isrc } from '../../src/recording/isrc';
import { TracksService } from '../../src/tracks/tracks.service';
import { fakeTrack, type FakeTrackInput } from '../fakes/spotify/fake-track';
import { type SpotifyFake, startSpotifyFake } from '../fakes/spotify/spotify-fake';
import { type Answer, spotifyEnvironment, startApp, type TestApp } from '../support/app';

/* Refreshes that come together. Not real: Spotify. */

let spotify: SpotifyFake;
let service: TestApp;
let lastNumber = 0;

beforeEach(async () => {
  spotify = await startSpotifyFake({ mode: 'extended' });
  service = await startApp({
    ...spotifyEnvironment(spotify),
    SPOTIFY_REQUESTS_PER_30S: '0',
    SPOTIFY_REQUESTS_PER_DAY: '0',
  });
});
afterEach(async () => {
  await service.stop();
  await spotify.stop();
});

function release(isrc: string, input: Partial<FakeTrackInput> = {}): void {
  spotify.addTracks(fakeTrack({ ...input, isrc }));
}

/** So many tracks, stored. */
async function stored(count: number): Promise<Isrc[]> {
  const isrcs = Array.from(
    { length: count },
    () => `GBREF24${String(++lastNumber).padStart(5, '0')}` as Isrc,
  );
  for (const isrc of isrcs) {
    release(isrc, { title: 'Before' });
    expect((await service.call('POST', '/v1/tracks', { json: { isrc } })).status).toBe(201);
  }
  spotify.resetStats();
  return isrcs;
}

const refresh = (isrc: string): Promise<Answer> => service.call('POST', `/v1/tracks/${isrc}/refresh`);
const titleOf = async (isrc: string): Promise<string> =>
  (await service.call('GET', `/v1/tracks/${isrc}`)).body.title as string;

it('refreshes of several tracks at once are one call in extended mode, a lone one is a search', async () => {
  const isrcs = await stored(12);
  for (const isrc of isrcs) release(isrc, { title: 'After' });
  const answers = await Promise.all(isrcs.map(refresh));
  expect(answers.map(({ status, body }) => [status, body.title])).toEqual(isrcs.map(() => [200, 'After']));
  const { tracks, search } = spotify.stats.calls;
  // Those whose call took longer to arrive, on a machine that does other things too, go in another batch, or alone.
  expect(tracks + search).toBeLessThan(12);
  expect(tracks).toBeGreaterThanOrEqual(1);

  spotify.resetStats();
  expect((await refresh(isrcs[0] ?? '')).status).toBe(200);
  expect(spotify.stats.calls).toMatchObject({ tracks: 0, search: 1 });
});

it('refreshes in bulk: a call for fifty, an outcome for each, and nothing good is overwritten', async () => {
  const isrcs = await stored(56);
  const [blanked, gone, deleted, ...good] = isrcs as [Isrc, Isrc, Isrc, ...Isrc[]];
  for (const isrc of good) release(isrc, { title: 'After' });
  spotify.tombstone(blanked);
  spotify.removeIsrc(gone);
  await service.call('DELETE', `/v1/tracks/${deleted}`);

  const outcomes = await service.app.get(TracksService).refreshTracks(isrcs);
  expect([blanked, gone, deleted].map((isrc) => outcomes.get(isrc))).toEqual([
    ...['not-found', 'not-found'],
    'not-stored',
  ]);
  expect(new Set(good.map((isrc) => outcomes.get(isrc)))).toEqual(new Set(['refreshed']));
  expect(spotify.stats.calls).toMatchObject({ tracks: 2, search: 2 });
  expect(await Promise.all([blanked, gone].map(titleOf))).toEqual(['Before', 'Before']);
  expect(await titleOf(good[0] ?? '')).toBe('After');
  expect((await service.call('GET', `/v1/tracks/${deleted}`)).status).toBe(404);
});

it('refreshes in bulk where batches are refused: one by one, and one who fails stops no other', async () => {
  spotify.setMode('dev');
  const isrcs = await stored(3);
  for (const isrc of isrcs) release(isrc, { title: 'After' });
  spotify.failNext({ kind: 'html' }, 1, 'search');
  const outcomes = await service.app.get(TracksService).refreshTracks(isrcs);
  expect([...outcomes.values()][0]).toMatchObject({ slug: 'source-error' });
  expect(isrcs.slice(1).map((isrc) => outcomes.get(isrc))).toEqual(['refreshed', 'refreshed']);

  // A cooldown: those who are left are told, and nothing is sent for them.
  spotify.failNext({ kind: 'rate-limit', retryAfter: 300 }, 1, 'search');
  spotify.resetStats();
  const parked = await service.app.get(TracksService).refreshTracks(isrcs);
  expect([...parked.values()].map((each) => (each as { slug?: string }).slug)).toEqual(
    isrcs.map(() => 'source-unavailable'),
  );
  expect(spotify.stats.calls).toMatchObject({ tracks: 0, search: 1 });
});

it('a track refreshed from an unchanged answer is fetched now, and stays as it was', async () => {
  const [isrc = ''] = await stored(1);
  const before = (await service.call('GET', `/v1/tracks/${isrc}`)).body;
  const answer = await refresh(isrc);
  expect(spotify.stats).toMatchObject({ notModified: 1, calls: { search: 1 } });
  const { source, updatedAt, ...after } = answer.body;
  expect(after).toEqual({ ...before, source: undefined, updatedAt: undefined });
  expect(Date.parse(source.fetchedAt)).toBeGreaterThanOrEqual(Date.parse(before.source.fetchedAt));
  expect(Date.parse(updatedAt)).toBeGreaterThanOrEqual(Date.parse(before.updatedAt));
});
