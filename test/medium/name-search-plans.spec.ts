import type { DataSource, EntityManager } from 'typeorm';
import { Artist } from '../../src/tracks/entities/artist.entity';
import { ArtistNameGram } from '../../src/tracks/entities/name-gram.entity';
import { TrackArtist } from '../../src/tracks/entities/track-artist.entity';
import { TrackWord } from '../../src/tracks/entities/track-word.entity';
import { Track } from '../../src/tracks/entities/track.entity';
import { WordEnding } from '../../src/tracks/entities/word-ending.entity';
import { findArtists } from '../../src/tracks/find-artists.query';
import { DEFAULT_BOUNDS, findPlaces } from '../../src/tracks/find-tracks.query';
import { endingsOf, gramsOf, normaliseName, parseNameQuery } from '../../src/tracks/name-search';
import { insertRows } from '../../src/tracks/rows.query';
import { toWordRows } from '../../src/tracks/track-entry';
import type { TrackFilter } from '../../src/tracks/track-lists.query';
import { isrcOf } from '../builders/recording';
import { openMigrated } from '../support/data-source';
import { createTestDatabase, type TestDatabase } from '../support/database';

jest.setTimeout(60_000);

/* How the engines run the statements of a search, on some thousand rows. Not real: how the rows came there. */

const ROWS = 6_000;
const SYLLABLES = [
  'ba',
  'ker',
  'lo',
  'min',
  'ta',
  'zu',
  'fre',
  'qui',
  'son',
  'der',
  'ya',
  'xil',
  'the',
  'ing',
  'ro',
  'vu',
];

/** The same numbers every time. */
let state = 3;
const random = (below: number) => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
};
const syllable = () => SYLLABLES[random(SYLLABLES.length)] ?? '';
const nameAt = (n: number) =>
  `${n % 5 === 0 ? 'the ' : ''}${syllable()}${syllable()}${syllable()} ${syllable()}${n}`;

let database: TestDatabase;
let dataSource: DataSource;
let manager: EntityManager;

beforeAll(async () => {
  database = await createTestDatabase();
  dataSource = await openMigrated(database.url);
  ({ manager } = dataSource);
  const entries = Array.from({ length: ROWS }, (_, n) => ({
    isrc: isrcOf(n),
    sortRank: random(102),
    title: normaliseName(nameAt(n)),
    artists: [normaliseName(nameAt(n))],
  }));
  const names = entries.map(({ artists }) => artists[0] ?? '');
  await insertRows(manager, Artist, names.map((name, n) => ({ id: `artist${n}`, name, nameNorm: name, url: 'https://a.example' }))); // prettier-ignore
  await insertRows(manager, ArtistNameGram, [...new Set(names)].flatMap((name) => gramsOf(name).map((gram) => ({ gram, name })))); // prettier-ignore
  await insertRows(manager, TrackArtist, entries.map(({ isrc, sortRank }, n) => ({ isrc, sortRank, position: 0, artistId: `artist${n}` }))); // prettier-ignore
  const wordRows = entries.flatMap(toWordRows);
  await insertRows(manager, TrackWord, wordRows);
  const words = [...new Set(wordRows.map(({ word }) => word.slice(1)))].filter((word) => word !== '');
  const endings = words.flatMap((word) => endingsOf(word).map((ending) => ({ ending, word })));
  await insertRows(manager, WordEnding, endings);
  const at = new Date(0);
  await insertRows(
    manager,
    Track,
    entries.map(({ isrc, sortRank, title }) => ({
      isrc, sortRank, title, titleNorm: title, albumId: 'album', durationMs: 1, explicit: false, popularity: null, discNumber: 1, trackNumber: 1,
      previewUrl: null, availableMarkets: null, sourceName: 'spotify' as const, sourceId: isrc, sourceUrl: 'https://t.example', fetchedAt: at,
      matchRule: 'only-match' as const, matchCandidates: 1, matchMarket: null, createdAt: at, updatedAt: at, document: 'x'.repeat(500), documentTag: null,
    })),
  ); // prettier-ignore
  const tables = 'artist, artist_name_gram, track, track_artist, track_word, word_ending';
  if (DATABASE_ENGINE === 'sqlite') await dataSource.query('ANALYZE');
  else if (DATABASE_ENGINE === 'mariadb') await dataSource.query(`ANALYZE TABLE ${tables}`);
  else await dataSource.query(`VACUUM ANALYZE ${tables}`);
});

afterAll(async () => {
  await dataSource.destroy();
  await database.drop();
});

/** How the engine runs each statement of `work`: statement and plan. */
async function plansOf(work: () => Promise<unknown>): Promise<[string, string][]> {
  const statements: { sql: string; parameters: unknown[] }[] = [];
  const query = jest.spyOn(manager, 'query').mockImplementation((async (
    sql: string,
    parameters: unknown[],
  ) => {
    statements.push({ sql, parameters });
    return await dataSource.query<unknown>(sql, parameters);
  }) as never);
  await work();
  query.mockRestore();
  const explain = DATABASE_ENGINE === 'sqlite' ? 'EXPLAIN QUERY PLAN' : 'EXPLAIN';
  const plans: [string, string][] = [];
  await dataSource.transaction(async (own) => {
    // It reads a table as small as these from end to end sooner than by any index: asked is whether it has to.
    if (DATABASE_ENGINE === 'postgres') await own.query('SET LOCAL enable_seqscan = off');
    for (const { sql, parameters } of statements) {
      const rows = await own.query<object[]>(`${explain} ${sql}`, parameters);
      plans.push([sql, rows.map((row) => JSON.stringify(row)).join('\n')]);
    }
  });
  return plans;
}

/** A table read from one end to the other. A list that is read whole, by its key, is none; nor is what a part has found. */
const SCAN = {
  sqlite: /SCAN "?(artist|track|artist_name_gram|track_word|word_ending|track_artist|p|l|e|list|other|credit)\b/,
  mariadb: /"table":"(artist|track|artist_name_gram|track_word|word_ending|track_artist|p|l|e|list|other|credit)",("partitions":null,)?"type":"(ALL|index)"/,
  postgres: /Seq Scan on/,
}; // prettier-ignore

const none = { artist: null, title: null, isrcPrefix: null };
const SPARSE = { ...DEFAULT_BOUNDS, firstWalk: 10, longestWalk: 20, nextWalk: 500 };
const WAYS = {
  default: DEFAULT_BOUNDS,
  sorted: SPARSE,
  merged: { ...SPARSE, sortedPlaces: 1, triedPlaces: 20, longestLists: 0 },
  gathered: { ...SPARSE, listedWords: 0, sortedPlaces: 1 },
  walked: { ...SPARSE, listedWords: 0, gatheredWords: 0, sortedPlaces: 1 },
};
const QUERIES = [
  'b',
  'ba',
  'the',
  'the x',
  'b k',
  'eri',
  'inging',
  'kermin5',
  'nosuchname',
  'lo the',
  'x'.repeat(200),
  'ab '.repeat(60),
  '%',
];

describe.each(QUERIES)('a search for %j', (text) => {
  const query = parseNameQuery(text);

  it('among artists reads by index alone, on any page', async () => {
    const first = await findArtists(manager, query, null, 11);
    const last = first.at(-1);
    const after = { fit: 2, name: last?.nameNorm ?? 'm', id: last?.id ?? 'm' };
    const plans = [
      ...(await plansOf(() => findArtists(manager, query, null, 51))),
      ...(await plansOf(() => findArtists(manager, query, after, 51))),
    ];
    expect(plans.length).toBeGreaterThan(0);
    for (const plan of plans) expect(plan.join('\n')).not.toMatch(SCAN[DATABASE_ENGINE]);
  });

  it.each(Object.entries(WAYS))(
    'among tracks reads by index alone, on any page (%s)',
    async (_way, bounds) => {
      const filters: TrackFilter[] = [
        { ...none, title: query },
        { ...none, artist: query },
        { artist: query, title: parseNameQuery('the'), isrcPrefix: 'QZDWX' },
      ];
      for (const filter of filters) {
        const plans = [
          ...(await plansOf(() => findPlaces(manager, filter, '', 51, bounds))),
          ...(await plansOf(() => findPlaces(manager, filter, `050${isrcOf(5)}`, 51, bounds))),
        ];
        expect(plans.length).toBeGreaterThan(0);
        for (const plan of plans) expect(plan.join('\n')).not.toMatch(SCAN[DATABASE_ENGINE]);
      }
    },
  );
});

it('I06 a search for signs that other searches take for wildcards reads no more than one for letters', async () => {
  const ask = (text: string) =>
    plansOf(() => findPlaces(manager, { ...none, title: parseNameQuery(text) }, '', 51));
  for (const sign of ['%', '_', '\\', '%%%', '___', '%'.repeat(200)]) {
    const usual = await ask('j'.repeat(sign.length)); // as seldom as the sign
    expect((await ask(sign)).length).toBeLessThanOrEqual(usual.length);
  }
});
