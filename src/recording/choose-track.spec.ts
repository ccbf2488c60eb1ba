import fc from 'fast-check';
import { chooseTrack, compareTracks } from './choose-track';
import { requireIsrc } from './isrc';
import { ALBUM_TYPES, type RecordingAlbum, type SourceTrack } from './recording';

const ISRC = requireIsrc('USVT10300001');
const OTHER = requireIsrc('USVT10300002');
const FINDING = { source: 'sample', fetchedAt: new Date('2026-11-01T00:00:00Z'), market: null } as const;

function track(
  id: string,
  over: Partial<SourceTrack> = {},
  album: Partial<RecordingAlbum> = {},
): SourceTrack {
  return {
    id,
    isrc: ISRC,
    title: 'A song',
    url: `https://sample.deadwax.example/track/${id}`,
    artists: [{ id: 'artist', name: 'An artist', url: 'https://sample.deadwax.example/artist/artist' }],
    durationMs: 200_000,
    explicit: false,
    popularity: 50,
    discNumber: 1,
    trackNumber: 1,
    previewUrl: null,
    availableMarkets: ['SE', 'US'],
    album: {
      id: `album-of-${id}`,
      title: 'An album',
      type: 'album',
      releaseDate: '2003-04-15',
      releaseDatePrecision: 'day',
      totalTracks: 12,
      upc: null,
      label: null,
      url: `https://sample.deadwax.example/album/album-of-${id}`,
      images: [],
      ...album,
    },
    ...over,
  };
}

const choose = (...tracks: SourceTrack[]) => chooseTrack(ISRC, tracks, FINDING);
const idsOf = (tracks: readonly SourceTrack[] | undefined) => tracks?.map(({ id }) => id);

describe('chooseTrack', () => {
  it('finds nothing in nothing, nor in tracks of another code', () => {
    expect(choose()).toBeNull();
    expect(choose(track('a', { isrc: OTHER }))).toBeNull();
  });

  it('drops tracks of another code, however popular', () => {
    const recording = choose(track('a', { isrc: OTHER, popularity: 100 }), track('b'));
    expect(recording).toEqual({
      isrc: ISRC,
      source: 'sample',
      fetchedAt: FINDING.fetchedAt,
      chosen: track('b'),
      match: { rule: 'only-match', market: null },
      candidates: [track('b')],
    });
  });

  it('names the market in which the tracks were found', () => {
    expect(chooseTrack(ISRC, [track('a')], { ...FINDING, market: 'NO' })?.match.market).toBe('NO');
  });

  it('counts a track that came twice once', () => {
    const recording = choose(track('a'), track('a'));
    expect(idsOf(recording?.candidates)).toEqual(['a']);
    expect(recording?.match.rule).toBe('only-match');
  });

  it('leaves the list it was given alone', () => {
    const tracks = Object.freeze([track('b'), track('a')]);
    expect(idsOf(chooseTrack(ISRC, tracks, FINDING)?.candidates)).toEqual(['a', 'b']);
    expect(idsOf(tracks)).toEqual(['b', 'a']);
  });

  // In each pair the better track has the greater id, so that the id alone would choose the other one.
  it.each([
    ['the more popular', 'most-popular', track('z', { popularity: 51 }), track('a')],
    [
      'popularity 0 before one not told',
      'most-popular',
      track('z', { popularity: 0 }),
      track('a', { popularity: null }),
    ],
    [
      'a popular compilation before an album',
      'most-popular',
      track('z', { popularity: 51 }, { type: 'compilation' }),
      track('a'),
    ],
    ['more markets', 'tie-break', track('z', { availableMarkets: ['DE', 'SE', 'US'] }), track('a')],
    [
      'no market at all before markets not told',
      'tie-break',
      track('z', { availableMarkets: [] }),
      track('a', { availableMarkets: null }),
    ],
    [
      'more markets of a single before an album',
      'tie-break',
      track('z', { availableMarkets: ['DE', 'SE', 'US'] }, { type: 'single' }),
      track('a'),
    ],
    ['an album before a single', 'tie-break', track('z'), track('a', {}, { type: 'single' })],
    [
      'a single before a compilation',
      'tie-break',
      track('z', {}, { type: 'single' }),
      track('a', {}, { type: 'compilation' }),
    ],
    [
      'a late album before an early single',
      'tie-break',
      track('z', {}, { releaseDate: '2020-01-01' }),
      track('a', {}, { type: 'single' }),
    ],
    ['the earlier day', 'tie-break', track('z', {}, { releaseDate: '2003-04-14' }), track('a')],
    [
      'a year before a month of it',
      'tie-break',
      track('z', {}, { releaseDate: '1978' }),
      track('a', {}, { releaseDate: '1978-03' }),
    ],
    [
      'a year before its first day',
      'tie-break',
      track('z', {}, { releaseDate: '1978' }),
      track('a', {}, { releaseDate: '1978-01-01' }),
    ],
    [
      'a day before a later year',
      'tie-break',
      track('z', {}, { releaseDate: '1977-12-31' }),
      track('a', {}, { releaseDate: '1978' }),
    ],
    [
      'a known date before an unknown one',
      'tie-break',
      track('z', {}, { releaseDate: '2024' }),
      track('a', {}, { releaseDate: null }),
    ],
  ] as const)('prefers %s (%s)', (_, rule, better, worse) => {
    for (const pair of [
      [better, worse],
      [worse, better],
    ]) {
      const recording = choose(...pair);
      expect(recording?.chosen).toBe(better);
      expect(recording?.match.rule).toBe(rule);
      expect(recording?.candidates).toEqual([better, worse]);
    }
  });

  it('ends with the smaller id, by its code units: upper case first', () => {
    const recording = choose(track('b'), track('a'), track('B'));
    expect(idsOf(recording?.candidates)).toEqual(['B', 'a', 'b']);
    expect(recording?.match.rule).toBe('tie-break');
  });

  it('works where no popularity is told at all, as in development mode', () => {
    const recording = choose(
      track('a', { popularity: null, availableMarkets: null }, { type: 'compilation' }),
      track('b', { popularity: null, availableMarkets: null }),
    );
    expect(recording?.chosen.id).toBe('b');
    expect(recording?.match.rule).toBe('tie-break');
  });

  it('calls it popularity when the best is the only most popular one, whatever comes behind', () => {
    const recording = choose(
      track('a', { popularity: 10 }),
      track('b', { popularity: 90 }),
      track('c', { popularity: 10 }),
    );
    expect(recording?.match.rule).toBe('most-popular');
    expect(idsOf(recording?.candidates)).toEqual(['b', 'a', 'c']);
  });
});

describe('compareTracks: properties', () => {
  // Few values each, so that ties are the rule and every step is reached.
  const anyTrack = fc
    .record({
      id: fc.constantFrom('A', 'a', 'b', 'c', 'd'),
      popularity: fc.constantFrom(null, 0, 50),
      availableMarkets: fc.constantFrom(null, [], ['SE'], ['SE', 'US']),
      type: fc.constantFrom(...ALBUM_TYPES),
      releaseDate: fc.constantFrom(null, '1978', '1978-01', '1978-03', '1978-03-01', '1979'),
    })
    .map(({ type, releaseDate, id, ...over }) => track(id, over, { type, releaseDate }));

  it('is antisymmetric, and equal only where all that it looks at is equal', () => {
    fc.assert(
      fc.property(anyTrack, anyTrack, (a, b) => {
        expect(Math.sign(compareTracks(a, b))).toBe(0 - Math.sign(compareTracks(b, a)));
        if (a.id !== b.id) expect(compareTracks(a, b)).not.toBe(0);
        expect(compareTracks(a, a)).toBe(0);
      }),
      { numRuns: 1000 },
    );
  });

  it('is transitive', () => {
    fc.assert(
      fc.property(anyTrack, anyTrack, anyTrack, (a, b, c) => {
        fc.pre(compareTracks(a, b) <= 0 && compareTracks(b, c) <= 0);
        expect(compareTracks(a, c)).toBeLessThanOrEqual(0);
      }),
      { numRuns: 2000 },
    );
  });

  it('chooses the same from every order of the same tracks', () => {
    const shuffled = fc
      .array(anyTrack, { minLength: 1, maxLength: 8 })
      .chain((tracks) =>
        fc.tuple(
          fc.constant(tracks),
          fc.shuffledSubarray(tracks, { minLength: tracks.length, maxLength: tracks.length }),
        ),
      );
    fc.assert(
      fc.property(shuffled, ([tracks, permuted]) => {
        expect(choose(...permuted)).toEqual(choose(...tracks));
      }),
      { numRuns: 1000 },
    );
  });

  it('lists the candidates best first, each id once, the chosen one at the top', () => {
    fc.assert(
      fc.property(fc.array(anyTrack, { minLength: 1, maxLength: 8 }), (tracks) => {
        const recording = choose(...tracks);
        expect(recording?.candidates[0]).toBe(recording?.chosen);
        expect(recording?.candidates.length).toBe(new Set(tracks.map(({ id }) => id)).size);
        expect([...(recording?.candidates ?? [])].sort(compareTracks)).toEqual(recording?.candidates);
      }),
    );
  });
});
