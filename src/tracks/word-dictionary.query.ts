import type { EntityManager } from 'typeorm';
import type { QueryWord } from './name-search';
import { holds, runNamed, type Values } from './search-statement.query';
import type { WordKind } from './track-entry';

/** Words that have a gram are counted up to here, to find the rarest gram of a query word. */
const MAX_COUNTED = 1_000;

/** A word of a query, and what it is looked for in. */
export interface AskedWord {
  readonly kind: WordKind;
  readonly word: QueryWord;
}

/** What the dictionary says of a word of a query. */
export interface Expansion extends AskedWord {
  /** Of its grams the one that the fewest words of the dictionary have. */
  readonly gram: string;
  /** The keys of all words that have it, where they are no more than asked for. */
  readonly words: readonly string[] | null;
}

/** Looks words of a query up in the dictionary of words; each with at most `limit` words that have it. */
export async function expandWords(
  manager: EntityManager,
  asked: readonly AskedWord[],
  limit: number,
): Promise<Expansion[]> {
  const grams = await rarestGrams(manager, asked);
  const values: Values = {};
  const lists = asked.map(({ word }, at) => {
    values[`gram${at}`] = grams[at];
    const inside = insideCondition(manager, 'word', word, values, at);
    return `SELECT * FROM (SELECT ${at} AS nr, word FROM track_word_gram WHERE gram = :gram${at}${inside} LIMIT ${limit + 1}) list${at}`;
  });
  const rows = await runNamed<{ nr: unknown; word: string }>(manager, lists.join(' UNION ALL '), values);
  return asked.map((each, at) => {
    const words = rows.filter(({ nr }) => Number(nr) === at).map(({ word }) => word);
    return { ...each, gram: grams[at] ?? '', words: words.length > limit ? null : words };
  });
}

/** How many words of the dictionary have a word of a query, counted up to `limit`. */
export async function countWords(
  manager: EntityManager,
  { gram, word }: Expansion,
  limit: number,
): Promise<number> {
  const values: Values = { gram };
  const inside = insideCondition(manager, 'word', word, values);
  const [row] = await runNamed<{ n: unknown }>(
    manager,
    `SELECT COUNT(*) AS n FROM (SELECT 1 AS one FROM track_word_gram WHERE gram = :gram${inside} LIMIT ${limit}) few`,
    values,
  );
  return Number(row?.n);
}

/** That a word of the dictionary has the word of a query; of a short one its gram alone tells. */
export function insideCondition(
  manager: EntityManager,
  column: string,
  { text, isGram }: QueryWord,
  values: Values,
  nr = 0,
): string {
  if (isGram) return '';
  values[`inside${nr}`] = text;
  return ` AND ${holds(manager, `substr(${column}, 2)`, `:inside${nr}`)}`;
}

/** Of each word the gram, with its kind, that the fewest words of the dictionary have. */
async function rarestGrams(manager: EntityManager, asked: readonly AskedWord[]): Promise<string[]> {
  const values: Values = {};
  const counts = asked.flatMap(({ kind, word }, at) =>
    word.grams.length === 1
      ? []
      : word.grams.map((gram, nr) => {
          const name = `gram${at}_${nr}`;
          values[name] = kind + gram;
          return `SELECT ${at} AS word_nr, ${nr} AS gram_nr, COUNT(*) AS n FROM (SELECT 1 AS one FROM track_word_gram WHERE gram = :${name} LIMIT ${MAX_COUNTED}) few${at}_${nr}`;
        }),
  );
  const rows =
    counts.length === 0
      ? []
      : await runNamed<{ word_nr: unknown; gram_nr: unknown; n: unknown }>(
          manager,
          counts.join(' UNION ALL '),
          values,
        );
  return asked.map(({ kind, word }, at) => {
    const [rarest] = rows
      .filter((row) => Number(row.word_nr) === at)
      .sort((a, b) => Number(a.n) - Number(b.n));
    return kind + (word.grams[Number(rarest?.gram_nr ?? 0)] ?? '');
  });
}
