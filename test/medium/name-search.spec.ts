import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DataSource } from 'typeorm';
import { CatalogueSearchRepository } from '../../src/tracks/catalogue-search.repository';
import { parseNameQuery } from '../../src/tracks/name-search';
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
  search = new CatalogueSearchRepository(dataSource.manager);
  const tracks = new TracksRepository(dataSource);
  await tracks.saveRecordings(
    NAMES.map(({ id, isrc, name }) =>
      aRecording({
        isrc,
        title: name,
        artists: [anArtist(name, id)],
        album: anAlbum({ id: `album of ${id}` }),
        popularity: null,
      }),
    ),
    { onlyIfStored: false },
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
  for (const query of queries) {
    if (fold(query) === '') continue;
    const expected = NAMES.filter(({ name }) => isFoundBy(name, query));
    hits += expected.length;
    expect([query, await artistIds(query)]).toEqual([query, inOrderFor(query, expected)]);
  }
  expect(hits).toBeGreaterThan(queries.size);
});

it('D08 tells the same things apart on every engine, and finds the same ones alike', async () => {
  const alike: [string, string[]][] = [
    ['beyoncé', ['Beyoncé', 'BEYONCE', 'Beyonce\u0301']],
    ['BEYONCE', ['Beyoncé', 'BEYONCE', 'Beyonce\u0301']],
    ['straße', ['Straße', 'STRASSE']],
    ['strasse', ['Straße', 'STRASSE']],
    ['🎵', ['🎵 Notes']],
    ['🎶', []],
    ['full width ', ['Ｆｕｌｌ Ｗｉｄｔｈ', 'Full Width']],
  ];
  for (const [query, names] of alike) {
    const ids = NAMES.slice(0, CHOSEN.length)
      .filter(({ name }) => names.includes(name))
      .map(({ id }) => id);
    expect([query, (await artistIds(query)).sort()]).toEqual([query, ids.sort()]);
  }
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
