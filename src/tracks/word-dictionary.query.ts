import { LRUCache } from 'lru-cache';
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import { WordEnding } from './entities/word-ending.entity';
import { afterPrefix, endingsOf, endingStarts, type QueryWord } from './name-search';
import { insertRows, placesOf } from './rows.query';
import { holds, joinInOrder, runNamed, type Values } from './search-statement.query';
import type { WordKind } from './track-entry';

/** Words that are known to be in the dictionary, for so long: what is there stays, but a backup may be put in its place. */
const MAX_KNOWN = 50_000;
const KNOWN_MS = 60_000;
const KNOWN = new WeakMap<DataSource, LRUCache<string, true>>();
/** Transactions that have put words there: what they find may never be there for others. */
const TEACHERS = new WeakSet<QueryRunner>();
const WORDS_AT_ONCE = 1000;

/** A word of a query, and what it is looked for in. */
export interface AskedWord {
  readonly kind: WordKind;
  readonly word: QueryWord;
}

/** What the dictionary says of a word of a query. */
export interface Expansion extends AskedWord {
  /** The keys in `track_word` of all words that have it, where they are no more than asked for. */
  readonly words: readonly string[] | null;
}

/** Puts words into the dictionary that are not there. */
export async function learnWords(manager: EntityManager, words: ReadonlySet<string>): Promise<void> {
  const known = knownTo(manager.dataSource);
  const unsure = [...words].filter((word) => !known.has(word));
  if (unsure.length === 0) return;
  const found = await findWords(manager, unsure);
  const { queryRunner } = manager;
  if (queryRunner === undefined || !TEACHERS.has(queryRunner))
    for (const word of found) known.set(word, true);
  const missing = unsure.filter((word) => !found.has(word)).sort();
  if (missing.length === 0) return;
  if (queryRunner !== undefined) TEACHERS.add(queryRunner);
  const endings = missing.flatMap((word) => endingsOf(word).map((ending) => ({ ending, word })));
  // In one order, as all writers have it: so they wait for each other rather than deadlock.
  endings.sort((a, b) => (a.ending < b.ending ? -1 : a.ending > b.ending ? 1 : a.word < b.word ? -1 : 1));
  await insertRows(manager, WordEnding, endings, 'keep');
}

async function findWords(manager: EntityManager, words: readonly string[]): Promise<Set<string>> {
  const wanted = new Set(words);
  const found = new Set<string>();
  for (let at = 0; at < words.length; at += WORDS_AT_ONCE) {
    const starts = words.slice(at, at + WORDS_AT_ONCE).map((word) => endingsOf(word)[0] ?? '');
    const rows = await manager.query<{ word: string }[]>(
      `SELECT word FROM word_ending WHERE ending IN (${placesOf(manager, starts)})`,
      starts,
    );
    for (const { word } of rows) if (wanted.has(word)) found.add(word);
  }
  return found;
}

function knownTo(dataSource: DataSource): LRUCache<string, true> {
  const known = KNOWN.get(dataSource) ?? new LRUCache({ max: MAX_KNOWN, ttl: KNOWN_MS });
  KNOWN.set(dataSource, known);
  return known;
}

/** Looks words of a query up in the dictionary; each with at most `limit` words that have it. */
export async function expandWords(
  manager: EntityManager,
  asked: readonly AskedWord[],
  limit: number,
): Promise<Expansion[]> {
  const values: Values = {};
  const lists = asked.flatMap(({ word }, at) =>
    rangesOf(manager, 'word_ending', word, values, at).map(
      (range, nr) =>
        `SELECT * FROM (SELECT ${at} AS nr, word FROM word_ending WHERE ${range} LIMIT ${limit + 1}) list${at}_${nr}`,
    ),
  );
  const rows = await runNamed<{ nr: unknown; word: string }>(manager, lists.join(' UNION ALL '), values);
  return asked.map((each, at) => {
    const found = rows.filter(({ nr }) => Number(nr) === at);
    const words = [...new Set(found.map(({ word }) => each.kind + word))];
    return { ...each, words: found.length > limit ? null : words };
  });
}

/** How many words of the dictionary have a word of a query, counted up to `limit`. */
export async function countWords(manager: EntityManager, word: QueryWord, limit: number): Promise<number> {
  const values: Values = {};
  const counts = rangesOf(manager, 'word_ending', word, values).map(
    (range, nr) =>
      `(SELECT COUNT(*) FROM (SELECT 1 AS one FROM word_ending WHERE ${range} LIMIT ${limit}) few${nr})`,
  );
  const [row] = await runNamed<{ n: unknown }>(manager, `SELECT ${counts.join(' + ')} AS n`, values);
  return Number(row?.n);
}

/**
 * The parts of a statement that joins words of the dictionary, those that have a word of a query, with their lists `p`, one
 * for each way in which a word can have it: the tables, and the condition that holds for the words.
 */
export function listsOfWords(
  manager: EntityManager,
  { kind, word }: AskedWord,
  values: Values,
): { from: string; where: string; join: string }[] {
  return rangesOf(manager, 'e', word, values).map((where) => ({
    from: `word_ending e ${joinInOrder(manager)} track_word p`,
    where,
    join: `p.word = CONCAT('${kind}', e.word)`,
  }));
}

/** The conditions on rows of the dictionary, called `table`, of which one holds where the word has a word of a query. */
function rangesOf(manager: EntityManager, table: string, word: QueryWord, values: Values, nr = 0): string[] {
  const { starts, isCut } = endingStarts(word);
  let inside = '';
  if (isCut) {
    values[`inside${nr}`] = word.text;
    inside = ` AND ${holds(manager, `${table}.word`, `:inside${nr}`)}`;
  }
  return starts.map((start, at) => {
    const name = `${nr}_${at}`;
    values[`start${name}`] = start;
    const end = afterPrefix(start);
    if (end !== null) values[`end${name}`] = end;
    return `${table}.ending >= :start${name}${end === null ? '' : ` AND ${table}.ending < :end${name}`}${inside}`;
  });
}
