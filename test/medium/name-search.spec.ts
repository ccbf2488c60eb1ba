import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DataSource } from 'typeorm';
import { CatalogueSearchRepository } from '../../src/tracks/catalogue-search.repository';
import { Artist } from '../../src/tracks/entities/artist.entity';
import { ArtistGram, TrackGram } from '../../src/tracks/entities/name-gram.entity';
import { Track } from '../../src/tracks/entities/track.entity';
import { gramsOf, normaliseName, parseNameQuery } from '../../src/tracks/name-search';
import { TracksRepository } from '../../src/tracks/tracks.repository';
import { anAlbum, anArtist, aRecording, isrcOf } from '../builders/recording';
import { openMigrated } from '../support/data-source';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { fold, inOrderFor, isFoundBy } from '../support/name-model';

jest.setTimeout(60_000);

const CHOSEN = [
  'The Beatles', 'Beatless', 'Beyoncé', 'BEYONCE', 'Beyonce\u0301', 'Sigur Rós', 'Ágætis byrjun', 'AC/DC', 'Björk', 'Mötley Crüe',
  '宇多田ヒカル', '宇多田', '東京事変', 'ヒカルの碁', 'ｶﾞﾘﾚｵ', 'ガリレオ', 'かりれお', '방탄소년단', '소녀시대', 'Кино', 'КИНО', 'Ёлка', 'Земфира',
  'Σίσυφος', 'Άλκηστις', '100%', '50% Off', 'a_b', 'ab', 'Panic! At The Disco', '!!!', 'Sunn O)))', "Guns N' Roses", 'Guns N’ Roses',
  'Straße', 'STRASSE', 'Łódź', 'Ｆｕｌｌ Ｗｉｄｔｈ', 'Full Width', 'X', 'U2', 'MØ', '*NSYNC', 'Ke$ha', '+44', "O'Connor; DROP TABLE",
  'back\\slash', '"quoted"', '🎵 Notes', 'a b c d e f g h i j', 'Nina Simone', 'Simone Nina', 'ΑΒΓ', 'حسين الجسمي', 'אביב גפן', '周杰倫',
]; // prettier-ignore

const { artists } = JSON.parse(
  readFileSync(join(__dirname, '..', '..', 'src', 'sample', 'catalogue.json'), 'utf8'),
) as { artists: Record<string, string> };
const NAMES = [...CHOSEN, ...Object.values(artists).slice(0, 250)].map((name, n) => ({
  id: `id${String(n).padStart(4, '0')}`,
  isrc: isrcOf(n),
  name,
}));

/** The same numbers every time. */
let state = 7;
const random = (below: number) => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
};
const pick = <T>(items: readonly T[]): T => items[random(items.length)] as T;

function randomQuery(): string {
  const part = () => {
    const characters = Array.from(pick(NAMES).name);
    const at = random(characters.length);
    const text = characters.slice(at, at + 1 + random(8)).join('');
    return [text, text.toUpperCase(), text.normalize('NFD'), ` ${text}  `][random(4)] ?? text;
  };
  return random(4) === 0 ? `${part()} ${part()}` : part();
}

let database: TestDatabase;
let dataSource: DataSource;
let search: CatalogueSearchRepository;

beforeAll(async () => {
  database = await createTestDatabase();
  dataSource = await openMigrated(database.url);
  search = new CatalogueSearchRepository(dataSource);
  const tracks = new TracksRepository(dataSource);
  await Promise.all(
    NAMES.map(({ id, isrc, name }) =>
      tracks.saveRecording(
        aRecording({
          isrc,
          title: name,
          artists: [anArtist(name, id)],
          album: anAlbum({ id: `album of ${id}` }),
          popularity: null,
        }),
        { onlyIfStored: false },
      ),
    ),
  );
});

afterAll(async () => {
  await dataSource.destroy();
  await database.drop();
});

async function artistIds(query: string, limit = 200): Promise<string[]> {
  const found: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await search.listArtists(parseNameQuery(query), { limit, cursor });
    found.push(...page.items.map(({ id }) => id));
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return found;
}

async function isrcsBy(filter: 'title' | 'artist', query: string): Promise<string[]> {
  const none = { title: null, artist: null, isrcPrefix: null };
  const page = await search.listTracks(
    { ...none, [filter]: parseNameQuery(query) },
    { limit: 200, cursor: undefined },
  );
  expect(page.items.length).toBeLessThan(200);
  return page.items.map(({ isrc }) => isrc);
}

it('finds what the rules say, and nothing else, in the order that they say', async () => {
  const words = [...new Set(NAMES.flatMap(({ name }) => name.split(' ')))];
  const queries = new Set([...CHOSEN, ...Array.from({ length: 300 }, randomQuery), ...words.slice(0, 60)]);
  let hits = 0;
  await Promise.all(
    [...queries].map(async (query) => {
      if (fold(query) === '') return;
      const expected = NAMES.filter(({ name }) => isFoundBy(name, query));
      hits += expected.length;
      expect([query, await artistIds(query)]).toEqual([query, inOrderFor(query, expected)]);
    }),
  );
  expect(hits).toBeGreaterThan(queries.size);
});

it('finds tracks by title and by artist as it finds artists', async () => {
  for (const query of [
    ...CHOSEN.slice(0, 30),
    'eatles',
    'ヒカル',
    'the',
    'ga',
    '%',
    "'",
    ...Array.from({ length: 40 }, randomQuery),
  ]) {
    if (fold(query) === '') continue;
    const expected = NAMES.filter(({ name }) => isFoundBy(name, query)).map(({ isrc }) => isrc as string);
    expect([query, await isrcsBy('title', query)]).toEqual([query, expected]);
    expect([query, await isrcsBy('artist', query)]).toEqual([query, expected]);
  }
});

it.each([1, 2, 3, 7])('pages through with %d a page as without paging', async (limit) => {
  for (const query of ['a', 'the', 'be', 'on'])
    expect(await artistIds(query, limit)).toEqual(await artistIds(query));
});

it.each([
  "'",
  '"',
  ';--',
  '\\',
  '%%%',
  '___',
  '$1',
  ':title',
  '?',
  '((',
  '\u{1f600}\u{1f600}',
  'x'.repeat(200),
  'ab '.repeat(66),
])('takes %j for a name like any other', async (query) => {
  const expected = NAMES.filter(({ name }) => isFoundBy(name, query));
  expect(await artistIds(query)).toEqual(inOrderFor(query, expected));
});

describe('with thousands of rows', () => {
  beforeAll(async () => {
    const syllables = ['ba', 'ker', 'lo', 'min', 'ta', 'zu', 'fre', 'qui', 'son', 'der', 'ya', 'xil'];
    const artistRows = Array.from({ length: 3000 }, (_, n) => {
      const name = `${pick(syllables)}${pick(syllables)}${pick(syllables)} ${pick(syllables)}${n}`;
      return { id: `many${n}`, name, nameNorm: normaliseName(name), url: 'https://a.example' };
    });
    const template = await dataSource.manager.findOneByOrFail(Track, { isrc: isrcOf(0) });
    const trackRows = artistRows.map(({ name, nameNorm }, n) =>
      Object.assign(new Track(), template, { isrc: isrcOf(10_000 + n), title: name, titleNorm: nameNorm }),
    );
    await insertAll(Artist, artistRows);
    await insertAll(Track, trackRows);
    await insertAll(
      ArtistGram,
      artistRows.flatMap(({ id, nameNorm }) => gramsOf(nameNorm).map((gram) => ({ gram, artistId: id }))),
    );
    await insertAll(
      TrackGram,
      trackRows.flatMap(({ isrc, titleNorm }) => gramsOf(titleNorm).map((gram) => ({ gram, isrc }))),
    );
    if (DATABASE_ENGINE === 'mariadb')
      await dataSource.query('ANALYZE TABLE artist, track, artist_gram, track_gram');
    else await dataSource.query('ANALYZE');
  });

  async function insertAll<Row extends object>(entity: new () => Row, rows: Row[]): Promise<void> {
    for (let at = 0; at < rows.length; at += 1000) {
      const values = rows.slice(at, at + 1000) as never;
      await dataSource
        .createQueryBuilder()
        .insert()
        .into(entity)
        .values(values)
        .updateEntity(false)
        .execute();
    }
  }

  /** How the engine would run the first statement of `work`, as text. */
  async function planOf(work: () => Promise<unknown>): Promise<string> {
    const statements: { sql: string; parameters: unknown[] }[] = [];
    const { logger } = dataSource;
    const listener = Object.create(logger) as typeof logger;
    listener.logQuery = (sql, parameters) =>
      statements.push({ sql, parameters: (parameters ?? []) as unknown[] });
    dataSource.logger = listener;
    await work();
    dataSource.logger = logger;
    const [first] = statements.filter(({ sql }) => sql.startsWith('SELECT'));
    if (first === undefined) throw new Error('no statement was run');
    const explain = DATABASE_ENGINE === 'sqlite' ? 'EXPLAIN QUERY PLAN' : 'EXPLAIN';
    const rows = await dataSource.query<object[]>(`${explain} ${first.sql}`, first.parameters);
    return rows.map((row) => JSON.stringify(row)).join('\n');
  }

  const page = { limit: 50, cursor: undefined };
  const query = parseNameQuery('eatles');

  it.each([
    ['artist', () => search.listArtists(query, page)],
    ['track', () => search.listTracks({ title: query, artist: null, isrcPrefix: null }, page)],
  ])('finds an %s through the index of grams', async (table, work) => {
    const plan = await planOf(work);
    const scan = {
      sqlite: new RegExp(`SCAN "?${table}\\b`),
      mariadb: new RegExp(`"table":"${table}",("partitions":null,)?"type":"(ALL|index)"`),
      postgres: new RegExp(`Seq Scan on ${table}\\b`),
    };
    const index = {
      sqlite: new RegExp(`gram_0 USING (COVERING INDEX sqlite_autoindex_${table}_gram_1|PRIMARY KEY)`),
      mariadb:
        /"table":"\w_gram_\d",("partitions":null,)?"type":"(ref|range|const)","possible_keys":"[^"]*","key":"PRIMARY"/,
      postgres: new RegExp(`using pk_${table}_gram|on pk_${table}_gram`, 'i'),
    };
    expect(plan).toMatch(index[DATABASE_ENGINE]);
    expect(plan).not.toMatch(scan[DATABASE_ENGINE]);
  });
});
