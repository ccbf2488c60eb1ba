import { type MigrationInterface, type QueryRunner, Table, TableIndex } from 'typeorm';
import { columnsFor } from '../migration-columns';

const NAMES_A_TRANSACTION = 50;
const TRACKS_AT_ONCE = 200;
const ROWS_A_TRANSACTION = 1000;
const START = '^';
const MARK = '\u0001';

type Row = readonly (string | null)[];

/**
 * The index behind name search in the order of lists, in place of the tables of grams (docs/decisions/0009-name-index.md).
 *
 * Filled in transactions of at most 1,000 rows. One that was interrupted is begun anew and goes on: what is there is left as it
 * is. Its own copy of the rules for grams, as they were when it was written: rows of today are not to change with later code.
 */
export class NameIndex1795420000000 implements MigrationInterface {
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    const { code } = await columnsFor(runner);
    const key = (table: string) => ({ isPrimary: true, primaryKeyConstraintName: `pk_${table}` });
    const tables = [
      {
        name: 'artist_name_gram',
        columns: [code('gram', 4, key('artist_name_gram')), code('name', 500, key('artist_name_gram'))],
      },
      {
        name: 'track_word',
        columns: [
          code('word', 501, key('track_word')),
          code('place', 15, key('track_word')),
          code('title', 1000, { isNullable: true }),
          code('artists', 8000, { isNullable: true }),
        ],
      },
      {
        name: 'track_word_gram',
        columns: [code('gram', 5, key('track_word_gram')), code('word', 501, key('track_word_gram'))],
      },
    ];
    for (const table of tables) {
      await runner.createTable(new Table({ ...table, withoutRowid: true }), true);
    }
    await fillArtistNames(runner);
    await fillTrackWords(runner);
    for (const table of ['artist_gram', 'track_gram']) await runner.dropTable(table, true);
  }

  async down(runner: QueryRunner): Promise<void> {
    const { code } = await columnsFor(runner);
    const owners = [
      { table: 'artist_gram', owner: code('artist_id', 64), index: 'ix_artist_gram_artist' },
      { table: 'track_gram', owner: code('isrc', 12), index: 'ix_track_gram_isrc' },
    ];
    for (const { table, owner, index } of owners) {
      const key = { isPrimary: true, primaryKeyConstraintName: `pk_${table}` };
      await runner.createTable(
        new Table({
          name: table,
          columns: [code('gram', 4, key), { ...owner, ...key }],
          indices: [new TableIndex({ name: index, columnNames: [owner.name] })],
        }),
        true,
      );
    }
    await fillGrams(runner, 'artist_gram', ['gram', 'artist_id'], {
      table: 'artist',
      key: 'id',
      name: 'name_norm',
    });
    await fillGrams(runner, 'track_gram', ['gram', 'isrc'], {
      table: 'track',
      key: 'isrc',
      name: 'title_norm',
    });
    for (const table of ['track_word_gram', 'track_word', 'artist_name_gram']) {
      await runner.dropTable(table, true);
    }
  }
}

async function fillArtistNames(runner: QueryRunner): Promise<void> {
  for (let after = ''; ;) {
    const names = await select<{ name: string }>(
      runner,
      `SELECT DISTINCT name_norm AS name FROM artist WHERE name_norm > :after ORDER BY name_norm LIMIT ${NAMES_A_TRANSACTION}`,
      { after },
    );
    const last = names.at(-1);
    if (last === undefined) return;
    const rows = names.flatMap(({ name }) => gramsOf(name).map((gram) => [gram, name]));
    await insert(runner, 'artist_name_gram', ['gram', 'name'], rows);
    after = last.name;
  }
}

async function fillTrackWords(runner: QueryRunner): Promise<void> {
  for (let after = ''; ;) {
    const tracks = await select<{ isrc: string; sort_rank: number; title_norm: string }>(
      runner,
      `SELECT isrc, sort_rank, title_norm FROM track WHERE isrc > :after ORDER BY isrc LIMIT ${TRACKS_AT_ONCE}`,
      { after },
    );
    const last = tracks.at(-1);
    if (last === undefined) return;
    after = last.isrc;
    const credits = await select<{ isrc: string; name: string }>(
      runner,
      'SELECT credit.isrc AS isrc, artist.name_norm AS name FROM track_artist credit INNER JOIN artist ON artist.id = credit.artist_id WHERE credit.isrc IN (:...isrcs) ORDER BY credit.isrc, credit.position',
      { isrcs: tracks.map(({ isrc }) => isrc) },
    );
    const rows = tracks.flatMap(({ isrc, sort_rank: rank, title_norm: title }) =>
      wordRows(
        String(rank).padStart(3, '0') + isrc,
        title,
        credits.flatMap((credit) => (credit.isrc === isrc ? [credit.name] : [])),
      ),
    );
    const words = [...new Set(rows.map(([word]) => word ?? ''))].filter((word) => word !== '');
    const grams = words.flatMap((word) => [
      ['', word],
      ...gramsOf(word.slice(1)).map((gram) => [word.charAt(0) + gram, word]),
    ]);
    await insert(runner, 'track_word_gram', ['gram', 'word'], grams);
    await insert(runner, 'track_word', ['word', 'place', 'title', 'artists'], rows);
  }
}

/** Fills one of the former tables of grams. */
async function fillGrams(
  runner: QueryRunner,
  into: string,
  columns: string[],
  { table, key, name }: { table: string; key: string; name: string },
): Promise<void> {
  for (let after = ''; ;) {
    const owners = await select<{ id: string; name: string }>(
      runner,
      `SELECT ${key} AS id, ${name} AS name FROM ${table} WHERE ${key} > :after ORDER BY ${key} LIMIT ${NAMES_A_TRANSACTION}`,
      { after },
    );
    const last = owners.at(-1);
    if (last === undefined) return;
    const rows = owners.flatMap((owner) => gramsOf(owner.name).map((gram) => [gram, owner.id]));
    await insert(runner, into, columns, rows);
    after = last.id;
  }
}

async function select<Found>(
  runner: QueryRunner,
  statement: string,
  values: Record<string, unknown>,
): Promise<Found[]> {
  const [text, parameters] = runner.dataSource.driver.escapeQueryWithParameters(statement, values);
  return (await runner.query(text, parameters)) as Found[];
}

/** Inserts what is not there yet, each statement a transaction of its own. */
async function insert(
  runner: QueryRunner,
  table: string,
  columns: string[],
  rows: readonly Row[],
): Promise<void> {
  const { driver, options } = runner.dataSource;
  const isMysql = options.type === 'mysql' || options.type === 'mariadb';
  const [first] = columns;
  const onConflict = isMysql ? `ON DUPLICATE KEY UPDATE ${first} = ${first}` : 'ON CONFLICT DO NOTHING';
  for (let at = 0; at < rows.length; at += ROWS_A_TRANSACTION) {
    const values: (string | null)[] = [];
    const tuples = rows
      .slice(at, at + ROWS_A_TRANSACTION)
      .map((row) => `(${row.map((value) => driver.createParameter('', values.push(value) - 1)).join(',')})`);
    await runner.query(
      `INSERT INTO ${table} (${columns.join(', ')}) VALUES ${tuples.join(',')} ${onConflict}`,
      values,
    );
  }
}

function wordRows(place: string, name: string, names: readonly string[]): Row[] {
  const title = markStarts(name);
  const lines: string[] = [];
  let length = 0;
  for (const line of [...new Set(names)].map(markStarts)) {
    length += line.length + 1;
    if (length > 8_000) break;
    lines.push(line);
  }
  const artists = lines.join('\n');
  const wordsOf = (kind: string, text: string) =>
    [...new Set(text.replaceAll(MARK, '').split(/[ \n]/))]
      .filter((word) => word !== '')
      .map((word) => kind + word);
  return [
    ['', place, title, artists],
    ...wordsOf('t', title).map((word) => [word, place, title, null]),
    ...wordsOf('a', artists).map((word) => [word, place, null, artists]),
  ];
}

const LETTER_OR_DIGIT = /[\p{L}\p{N}\p{M}]/u;
const WITHOUT_SPACES =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}ー]/u;

function gramsOf(normalised: string): string[] {
  const grams = new Set<string>();
  for (const word of normalised.split(' ')) {
    const characters = Array.from(word);
    characters.forEach((character, at) => {
      const [, second, third] = characters.slice(at, at + 3);
      if (startsWord(characters, at)) {
        grams.add(START + character);
        if (second !== undefined) grams.add(START + character + second);
      }
      if (second !== undefined && WITHOUT_SPACES.test(character + second)) grams.add(character + second);
      if (second !== undefined && third !== undefined) grams.add(character + second + third);
    });
  }
  return [...grams];
}

function markStarts(normalised: string): string {
  const mark = (word: string) =>
    Array.from(word)
      .map((each, at, characters) => (startsWord(characters, at) ? MARK : '') + each)
      .join('');
  return normalised.split(' ').map(mark).join(' ');
}

function startsWord(characters: readonly string[], at: number): boolean {
  const before = characters[at - 1];
  const here = characters[at];
  return (
    before === undefined ||
    !LETTER_OR_DIGIT.test(before) ||
    (here !== undefined && !LETTER_OR_DIGIT.test(here))
  );
}
