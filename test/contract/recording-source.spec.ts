import { isIsrc, type Isrc } from '../../src/recording/isrc';
import type { Recording } from '../../src/recording/recording';
import type { RecordingSource } from '../../src/recording/recording-source';
import { SampleSource } from '../../src/sample/sample-source';
import { fakeTrack } from '../fakes/spotify/fake-track';
import { startSpotifyFake } from '../fakes/spotify/spotify-fake';
import type { SpotifyMode } from '../fakes/spotify/spotify-mode';
import { INTERACTIVE, realClock, sourceWorld } from '../support/spotify-source';

jest.setTimeout(30_000);

interface Implementation {
  readonly source: RecordingSource;
  /** A code with one track, and one with several. */
  readonly single: Isrc;
  readonly several: Isrc;
  stop(): Promise<void>;
}

const UNKNOWN = 'QZZZZ9999999' as Isrc;
const TIME_FIELDS = { fetchedAt: expect.any(Date) as Date };

async function sample(): Promise<Implementation> {
  return Promise.resolve({
    source: new SampleSource(),
    single: 'ATE611000002' as Isrc,
    several: 'USWB10102873' as Isrc,
    stop: () => Promise.resolve(),
  });
}

async function spotify(mode: SpotifyMode): Promise<Implementation> {
  const [single, several] = ['GBBKS1500214' as Isrc, 'USVT10300001' as Isrc];
  const fake = await startSpotifyFake({
    mode,
    catalogue: [
      fakeTrack({ isrc: 'gb-bks-15-00214', title: 'Hello', artists: ['Adele'] }),
      ...['One', 'Two', 'Three'].map((album, n) =>
        fakeTrack({ isrc: several, album, popularity: 10 * n, artists: ['First', 'Second', 'Third'] }),
      ),
    ],
  });
  const { clientId, clientSecret, apiUrl, accountsUrl } = fake;
  const world = await sourceWorld(realClock());
  const { source } = await world.start({ clientId, clientSecret, apiUrl, accountsUrl, markets: ['NO'] });
  return {
    source,
    single,
    several,
    async stop() {
      await world.end();
      await fake.stop();
    },
  };
}

describe.each([
  ['the sample catalogue', sample],
  ['Spotify in development mode', () => spotify('dev')],
  ['Spotify in extended mode', () => spotify('extended')],
])('%s', (_, make) => {
  let implementation: Implementation;
  let source: RecordingSource;
  beforeAll(async () => {
    implementation = await make();
    source = implementation.source;
  });
  afterAll(() => implementation.stop());

  async function find(isrc: Isrc): Promise<Recording> {
    const recording = await source.findByIsrc(isrc, INTERACTIVE);
    if (recording === null) throw new Error(`${isrc} is not found`);
    return recording;
  }

  it('finds a known code, canonical throughout, and chooses among what it found', async () => {
    for (const isrc of [implementation.single, implementation.several]) {
      const { chosen, candidates, ...recording } = await find(isrc);
      expect(recording).toMatchObject({ isrc, source: source.name, ...TIME_FIELDS });
      expect(Math.abs(recording.fetchedAt.getTime() - Date.now())).toBeLessThan(60_000);
      expect(candidates).toContainEqual(chosen);
      expect(candidates[0]).toEqual(chosen);
      expect(new Set(candidates.map(({ id }) => id)).size).toBe(candidates.length);
      for (const track of candidates) {
        expect([track.isrc, isIsrc(track.isrc)]).toEqual([isrc, true]);
        expect(track.title).not.toBe('');
        expect(track.artists.length).toBeGreaterThan(0);
        expect(new Set(track.artists.map(({ id }) => id)).size).toBe(track.artists.length);
        expect(track.durationMs).toBeGreaterThan(0);
        expect(track.album.id).not.toBe('');
        expect(track.album.releaseDate === null).toBe(track.album.releaseDatePrecision === null);
        for (const url of [track.url, track.album.url, ...track.artists.map((artist) => artist.url)])
          expect(new URL(url).protocol).toBe('https:');
        if (track.availableMarkets !== null)
          expect(track.availableMarkets).toEqual([...track.availableMarkets].sort());
      }
    }
  });

  it('says how many stood to choose, and by which rule', async () => {
    const single = await find(implementation.single);
    expect([single.candidates.length, single.match]).toEqual([1, { rule: 'only-match', market: null }]);
    const several = await find(implementation.several);
    expect(several.candidates.length).toBeGreaterThan(1);
    expect(['most-popular', 'tie-break']).toContain(several.match.rule);
  });

  it('refetches what is kept alike, or leaves it to a find', async () => {
    const kept = await Promise.all([implementation.single, implementation.several].map(find));
    const known = kept.map(({ isrc, candidates, match }) => ({
      isrc,
      candidateIds: candidates.map(({ id }) => id),
      market: match.market,
    }));
    const gone = { isrc: UNKNOWN, candidateIds: ['0000000000000000000000'], market: null };
    const again = await source.refetch([...known, gone], { lane: 'bulk' });
    for (const [isrc, recording] of again)
      expect(recording).toEqual({ ...kept.find((each) => each.isrc === isrc), ...TIME_FIELDS });
    // All of them, or none where many cannot be asked for at once.
    expect([0, 2]).toContain(again.size);
    expect((await source.refetch([], { lane: 'bulk' })).size).toBe(0);
  });

  it('knows nothing of an unknown code', async () => {
    expect(await source.findByIsrc(UNKNOWN, INTERACTIVE)).toBeNull();
  });

  it('answers many at once alike, and the same again later', async () => {
    const codes = Array.from({ length: 30 }, (_, n) =>
      n % 2 === 0 ? implementation.single : implementation.several,
    );
    const answers = await Promise.all(codes.map(find));
    const single = { ...(await find(implementation.single)), ...TIME_FIELDS };
    const several = { ...(await find(implementation.several)), ...TIME_FIELDS };
    expect(answers).toEqual(codes.map((code) => (code === implementation.single ? single : several)));
  });

  it('is not spoiled by a caller who changes what it got', async () => {
    const before = JSON.stringify({ ...(await find(implementation.several)), fetchedAt: null });
    const spoiled = (await find(implementation.several)) as unknown as {
      chosen: { title: string; artists: unknown[]; album: { images: unknown[] } };
      candidates: unknown[];
    };
    const spoil = [
      () => (spoiled.chosen.title = 'spoiled'),
      () => spoiled.chosen.artists.pop(),
      () => spoiled.chosen.album.images.push('spoiled'),
      () => spoiled.candidates.pop(),
    ];
    for (const change of spoil) {
      try {
        change();
      } catch (error) {
        expect(error).toBeInstanceOf(TypeError); // frozen: as good
      }
    }
    expect(JSON.stringify({ ...(await find(implementation.several)), fetchedAt: null })).toBe(before);
  });

  it('reports how it is doing, ready for JSON', async () => {
    const report = await source.report();
    expect(report.state).toBe('ok');
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });
});
