import { type MigrationInterface, type QueryRunner, Table } from 'typeorm';
import { columnsFor } from '../migration-columns';

const WORDS_AT_ONCE = 100;
const ROWS_A_TRANSACTION = 1000;
const MAX_ENDING = 24;
const START = '^';
const MARK = '\u0001';

type Row = readonly string[];

/**
 * The dictionary of words by their endings, in place of that by grams: each word once, and a third of the rows
 * (docs/decisions/0013-word-endings.md).
 *
 * Filled in transactions of at most 1,000 rows. One that was interrupted is begun anew; what is there is left as it is. Its own
 * copy of the rules, as they were when it was written.
 */
export class WordEnding1795500000000 implements MigrationInterface {
  readonly transaction = false;

  async up(runner: QueryRunner): Promise<void> {
    const { code } = await columnsFor(runner);
    const key = { isPrimary: true, primaryKeyConstraintName: 'pk_word_ending' };
    const columns = [code('ending', MAX_ENDING, key), code('word', 500, key)];
    await runner.createTable(new Table({ name: 'word_ending', columns, withoutRowid: true }), true);
    if (!(await runner.hasTable('track_word_gram'))) return;
    for await (const keys of keysOf(runner, `SELECT word FROM track_word_gram WHERE gram = ''`)) {
      const words = [...new Set(keys.map((each) => each.slice(1)))];
      const rows = words.flatMap((word) => endingsOf(word).map((ending) => [ending, word]));
      await insert(runner, 'word_ending', ['ending', 'word'], rows);
    }
    await runner.dropTable('track_word_gram', true);
  }

  async down(runner: QueryRunner): Promise<void> {
    const { code } = await columnsFor(runner);
    const key = { isPrimary: true, primaryKeyConstraintName: 'pk_track_word_gram' };
    const columns = [code('gram', 5, key), code('word', 501, key)];
    await runner.createTable(new Table({ name: 'track_word_gram', columns, withoutRowid: true }), true);
    for await (const words of keysOf(runner, `SELECT DISTINCT word FROM track_word WHERE word <> ''`)) {
      const rows = words.flatMap((word) =>
        ['', ...gramsOf(word.slice(1)).map((gram) => word.charAt(0) + gram)].map((gram) => [gram, word]),
      );
      await insert(runner, 'track_word_gram', ['gram', 'word'], rows);
    }
    await runner.dropTable('word_ending', true);
  }
}

/** The words that a question finds, in order, some at a time. */
async function* keysOf(runner: QueryRunner, question: string): AsyncGenerator<string[]> {
  for (let after = ''; ;) {
    const [text, parameters] = runner.dataSource.driver.escapeQueryWithParameters(
      `${question} AND word > :after ORDER BY word LIMIT ${WORDS_AT_ONCE}`,
      { after },
    );
    const rows = (await runner.query(text, parameters)) as { word: string }[];
    const words = rows.map(({ word }) => word);
    const last = words.at(-1);
    if (last === undefined) return;
    yield words;
    after = last;
  }
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
    const values: string[] = [];
    const tuples = rows
      .slice(at, at + ROWS_A_TRANSACTION)
      .map((row) => `(${row.map((value) => driver.createParameter('', values.push(value) - 1)).join(',')})`);
    await runner.query(
      `INSERT INTO ${table} (${columns.join(', ')}) VALUES ${tuples.join(',')} ${onConflict}`,
      values,
    );
  }
}

const LETTER_OR_DIGIT = /[\p{L}\p{N}\p{M}]/u;
const WITHOUT_SPACES =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}ー]/u;

function endingsOf(word: string): string[] {
  const characters = Array.from(word);
  const marked = characters.map((each, at) => (startsWord(characters, at) ? MARK : '') + each);
  const endings = new Set<string>();
  marked.forEach((each, at) => {
    const [first = '', second, third] = characters.slice(at, at + 3);
    const isLongEnough = third !== undefined || (second !== undefined && WITHOUT_SPACES.test(first + second));
    if (!each.startsWith(MARK) && !isLongEnough) return;
    endings.add(Array.from(marked.slice(at).join('')).slice(0, MAX_ENDING).join(''));
  });
  return [...endings];
}

function gramsOf(word: string): string[] {
  const grams = new Set<string>();
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
  return [...grams];
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
