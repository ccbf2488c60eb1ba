import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Isrc } from '../../src/recording/isrc';
import type { KnownRecording } from '../../src/recording/recording-source';
import { type FakeTrack, fakeTrack } from '../fakes/spotify/fake-track';
import { type SpotifyFake, startSpotifyFake } from '../fakes/spotify/spotify-fake';
import type { SpotifyMode } from '../fakes/spotify/spotify-mode';
import { INTERACTIVE, type SourceProcess, type SourceWorld, sourceWorld } from '../support/spotify-source';

/* Real: the module, HTTP, and the stand-in for both hosts of Spotify. Not real: the clock. */

const BULK = { lane: 'bulk' } as const;

let spotify: SpotifyFake;
let world: SourceWorld;

beforeEach(async () => {
  world = await sourceWorld();
});

afterEach(async () => {
  await world.end();
  await spotify.stop();
});

async function start(mode: SpotifyMode): Promise<SourceProcess> {
  spotify = await startSpotifyFake({ mode, now: () => world.clock.ms });
  const { clientId, clientSecret, apiUrl, accountsUrl } = spotify;
  return world.start({ clientId, clientSecret, apiUrl, accountsUrl });
}

const isrcOf = (n: number) => `USVT103${String(n).padStart(5, '0')}` as Isrc;

/** So many recordings of one track each. */
function recordings(count: number): FakeTrack[] {
  return Array.from({ length: count }, (_unused, n) => fakeTrack({ isrc: isrcOf(n), title: `Song ${n}` }));
}

const known = (track: FakeTrack, more: Partial<KnownRecording> = {}): KnownRecording => ({
  isrc: track.isrc as Isrc,
  candidateIds: [track.id],
  market: null,
  ...more,
});

describe('refetching many', () => {
  it('takes fifty tracks a call in extended mode', async () => {
    const { source } = await start('extended');
    const tracks = recordings(120);
    spotify.addTracks(...tracks);
    const found = await source.refetch(
      tracks.map((track) => known(track)),
      BULK,
    );
    expect([...found.keys()]).toEqual(tracks.map(({ isrc }) => isrc));
    expect(found.get(isrcOf(7))).toMatchObject({
      isrc: isrcOf(7),
      source: 'spotify',
      fetchedAt: new Date(world.clock.ms),
      chosen: { title: 'Song 7' },
      match: { rule: 'only-match', market: null },
    });
    expect(spotify.stats.calls).toMatchObject({ tracks: 3, search: 0 });
    expect(await source.report()).toMatchObject({
      batches: 'allowed',
      counts: { batches: 3, batchedTracks: 120, calls: { api: { ok: 3 } } },
    });
  });

  it('chooses anew among the tracks it knew, and keeps the market', async () => {
    const { source } = await start('extended');
    const [small, big] = [10, 90].map((popularity) =>
      fakeTrack({ isrc: isrcOf(1), album: `Album ${popularity}`, popularity }),
    ) as [FakeTrack, FakeTrack];
    const other = fakeTrack({ isrc: 'us-vt1-03-00002' });
    spotify.addTracks(small, big, other);
    const found = await source.refetch(
      [
        { isrc: isrcOf(1), candidateIds: [small.id, big.id], market: 'NO' },
        { isrc: isrcOf(2), candidateIds: [other.id], market: null },
      ],
      BULK,
    );
    expect(found.get(isrcOf(1))).toMatchObject({
      chosen: { id: big.id },
      match: { rule: 'most-popular', market: 'NO' },
      candidates: [{ id: big.id }, { id: small.id }],
    });
    expect(found.get(isrcOf(2))).toMatchObject({ chosen: { id: other.id } });
  });

  it('leaves to a search what is gone, a tombstone, or under another code', async () => {
    const { source } = await start('extended');
    const [good, blanked, moved, gone] = recordings(4) as [FakeTrack, FakeTrack, FakeTrack, FakeTrack];
    spotify.addTracks(good, blanked, { ...moved, isrc: 'GBBKS1500214' });
    spotify.tombstone(blanked.isrc ?? '');
    const odd = known(good, { isrc: isrcOf(99), candidateIds: ['not an id'] });
    const found = await source.refetch(
      [...[good, blanked, moved, gone].map((track) => known(track)), odd],
      BULK,
    );
    expect([...found.keys()]).toEqual([good.isrc]);
    expect(spotify.stats.calls.tracks).toBe(1);
  });

  it('leaves a lone one to a search, at no cost', async () => {
    const { source } = await start('extended');
    const [one] = recordings(1) as [FakeTrack];
    spotify.addTracks(one);
    expect((await source.refetch([known(one)], INTERACTIVE)).size).toBe(0);
    expect(spotify.stats.requests).toEqual([]);
  });

  it('U14 goes one by one where batches are refused: one warning, asked again once a day', async () => {
    const running = await start('dev');
    const { source } = running;
    const tracks = recordings(120);
    spotify.addTracks(...tracks);
    const all = tracks.map((track) => known(track));
    for (let turn = 0; turn < 5; turn += 1) expect((await source.refetch(all, BULK)).size).toBe(0);
    expect(spotify.stats.calls.tracks).toBe(1);
    expect(world.lines).toEqual([expect.stringMatching(/^warn Spotify refuses to answer for many/)]);
    // No fault of the application: single calls go on.
    await expect(source.findByIsrc(isrcOf(3), BULK)).resolves.not.toBeNull();
    expect(await source.report()).toMatchObject({ state: 'ok', batches: 'refused', fault: null });

    world.clock.ms += 86_400_000;
    expect((await source.refetch(all, BULK)).size).toBe(0);
    expect(spotify.stats.calls.tracks).toBe(2);
    expect(world.lines).toHaveLength(1);

    spotify.setMode('extended');
    world.clock.ms += 86_400_000;
    expect((await source.refetch(all, BULK)).size).toBe(120);
    expect(await source.report()).toMatchObject({ batches: 'allowed' });
    expect(world.lines[1]).toMatch(/^log Spotify answers for many/);
  });

  it('keeps what the first call brought when the second is refused, and sends no third', async () => {
    const { source } = await start('extended');
    const tracks = recordings(150);
    spotify.addTracks(...tracks);
    spotify.setLimits({ windowLimit: 1 });
    const found = await source.refetch(
      tracks.map((track) => known(track)),
      BULK,
    );
    const outcomes = [...found.values()].map((each) => (each instanceof Error ? each.name : 'found'));
    expect(outcomes.filter((each) => each === 'found')).toHaveLength(50);
    expect(outcomes.filter((each) => each === 'SpotifyRateLimitError')).toHaveLength(100);
    expect(spotify.stats.calls.tracks).toBe(2);
  });

  it.each([{ kind: 'truncated' }, { kind: 'html' }, { kind: 'error-body' }] as const)(
    '%j: nothing is taken over, and a search may do better',
    async (fault) => {
      const { source } = await start('extended');
      const tracks = recordings(3);
      spotify.addTracks(...tracks);
      spotify.failNext(fault, 1, 'tracks');
      expect(
        (
          await source.refetch(
            tracks.map((track) => known(track)),
            BULK,
          )
        ).size,
      ).toBe(0);
      expect(
        (
          await source.refetch(
            tracks.map((track) => known(track)),
            BULK,
          )
        ).size,
      ).toBe(3);
    },
  );
});

describe('what has not changed', () => {
  it('is not sent again, costs a call, and counts as fetched now', async () => {
    const { source } = await start('dev');
    spotify.addTracks(...recordings(1));
    const first = await source.findByIsrc(isrcOf(0), INTERACTIVE);
    world.clock.ms += 3_000_000;
    const second = await source.findByIsrc(isrcOf(0), INTERACTIVE);
    expect(second).toEqual({ ...first, fetchedAt: new Date(world.clock.ms) });
    expect(spotify.stats).toMatchObject({ notModified: 1, calls: { search: 2 } });
    expect(await source.report()).toMatchObject({ day: { used: 2 }, counts: { notModified: 1 } });

    spotify.addTracks(fakeTrack({ isrc: isrcOf(0), title: 'Renamed' }));
    expect(await source.findByIsrc(isrcOf(0), INTERACTIVE)).toMatchObject({ chosen: { title: 'Renamed' } });
    expect(await source.findByIsrc(isrcOf(0), INTERACTIVE)).toMatchObject({ chosen: { title: 'Renamed' } });
    expect(spotify.stats.notModified).toBe(2);
  });

  it('is asked for by nobody who has not had it: a 304 then is a fault', async () => {
    const asked: (string | undefined)[] = [];
    const server = createServer((request, response) => {
      asked.push(request.headers['if-none-match']);
      response.writeHead(304, { etag: '"theirs"' }).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const running = await start('dev');
    running.settings.apiUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
    await expect(running.source.findByIsrc(isrcOf(0), INTERACTIVE)).rejects.toMatchObject({
      slug: 'source-error',
    });
    expect(asked).toEqual([undefined]);
    await new Promise((resolve) => server.close(resolve));
  });
});
