import { LRUCache } from 'lru-cache';
import type { DataSource, EntityManager } from 'typeorm';
import { hasWords, type NameQuery } from './name-search';
import { holds, runNamed, type Values } from './search-statement.query';
import { ALL_TRACKS, linesOf, placeOf, type WordKind } from './track-entry';
import { type AskedWord, listsOfWords } from './word-dictionary.query';

/** All given filters must hold. */
export interface TrackFilter {
  readonly artist: NameQuery | null;
  readonly title: NameQuery | null;
  /** The first characters of canonical ISRCs. */
  readonly isrcPrefix: string | null;
}

/** Lists in `track_word`, by their keys. */
export interface WordLists {
  readonly kind: WordKind;
  readonly words: readonly string[];
}

/** Reads tracks behind a place, in order, up to `limit`; the same one perhaps more than once. */
export type Read = (from: string, limit: number) => Promise<FoundRow[]>;

interface FoundRow {
  place: string;
  /** Only where several words must be in one of several names. */
  artists?: string | null;
}

const PLACES_AT_ONCE = 200;
/** Behind all places. */
const LAST_PLACE = '~';
const AFTER_ANY_ISRC_CHARACTER = '~';
/** Ends of walks that are remembered, and for how long. */
const MAX_ENDS = 1_000;
const END_LIFETIME_MS = 60_000;
const ENDS = new WeakMap<DataSource, LRUCache<string, string>>();

/** The lists of tracks in the database, as far as they fit a filter. */
export class TrackLists {
  readonly words: readonly AskedWord[];
  /** Whether one word is all that is asked for. */
  readonly isOneWord: boolean;
  private readonly isInOneName: boolean;

  /** @param batch rows read at a time at most, where what the engine finds has to be checked */
  constructor(
    private readonly manager: EntityManager,
    private readonly filter: TrackFilter,
    private readonly batch: number,
  ) {
    const ofKind = (kind: WordKind, query: NameQuery | null) =>
      (query?.words ?? []).map((word) => ({ kind, word }));
    this.words = [...ofKind('t', filter.title), ...ofKind('a', filter.artist)];
    this.isInOneName = (filter.artist?.words.length ?? 0) > 1;
    this.isOneWord = this.words.length === 1 && filter.isrcPrefix === null;
  }

  /** Reads batch after batch until `count` places are found, each once, or no more come. */
  async collect(after: string, count: number, read: Read): Promise<string[]> {
    const found: string[] = [];
    let from = after;
    for (let limit = count; found.length < count; limit = Math.min(this.batch, limit * 2)) {
      const rows = await read(from, limit);
      for (const row of rows) if (row.place !== found.at(-1) && this.fits(row)) found.push(row.place);
      const last = rows.at(-1);
      if (last === undefined || rows.length < limit) break;
      from = last.place;
    }
    return found.slice(0, count);
  }

  /** Those in the list of all tracks, up to `end`; null for to the end of the list. */
  all(end: string | null): Read {
    const values: Values = { all: ALL_TRACKS, ...(end === null ? {} : { end }) };
    const conditions = this.conditions(null, values);
    return (from, limit) =>
      this.run(
        `SELECT ${this.columns(null, values)} FROM track_word p WHERE p.word = :all AND p.place > :from${end === null ? '' : ' AND p.place <= :end'}${conditions} ORDER BY p.place LIMIT ${limit}`,
        { ...values, from },
      );
  }

  /** The place about so many places on in the list of all; null at its end. Remembered: it need not be exact. */
  async placeBehind(from: string, places: number): Promise<string | null> {
    const { dataSource } = this.manager;
    const ends = ENDS.get(dataSource) ?? new LRUCache({ max: MAX_ENDS, ttl: END_LIFETIME_MS });
    ENDS.set(dataSource, ends);
    const key = `${places} ${from}`;
    const known = ends.get(key);
    if (known !== undefined) return known;
    const [end] = await this.run<{ place: string }>(
      `SELECT place FROM track_word WHERE word = :all AND place > :from ORDER BY place LIMIT 1 OFFSET ${places - 1}`,
      { all: ALL_TRACKS, from },
    );
    if (end !== undefined) ends.set(key, end.place);
    return end?.place ?? null;
  }

  /** By the ISRCs themselves, where no more than `most` have the prefix; null where that is not so. */
  async findByPrefix(after: string, count: number, most: number): Promise<string[] | null> {
    const { isrcPrefix } = this.filter;
    if (isrcPrefix === null) return null;
    const range: Values = { first: isrcPrefix, end: isrcPrefix + AFTER_ANY_ISRC_CHARACTER };
    const [counted] = await this.run<{ n: unknown }>(
      `SELECT COUNT(*) AS n FROM (SELECT 1 AS one FROM track WHERE isrc >= :first AND isrc < :end LIMIT ${most + 1}) few`,
      range,
    );
    if (Number(counted?.n) > most) return null;
    const tracks = await this.run<{ isrc: string; sort_rank: number }>(
      'SELECT isrc, sort_rank FROM track WHERE isrc >= :first AND isrc < :end',
      range,
    );
    const places = tracks.map(({ isrc, sort_rank: sortRank }) => placeOf({ isrc, sortRank }));
    const behind = places.filter((place) => place > after).sort();
    if (this.words.length === 0) return behind.slice(0, count);
    const found: string[] = [];
    for (let at = 0; at < behind.length && found.length < count; at += PLACES_AT_ONCE) {
      const values: Values = { all: ALL_TRACKS, places: behind.slice(at, at + PLACES_AT_ONCE) };
      const conditions = this.conditions(null, values);
      const rows = await this.run<FoundRow>(
        `SELECT ${this.columns(null, values)} FROM track_word p WHERE p.word = :all AND p.place IN (:...places)${conditions} ORDER BY p.place`,
        values,
      );
      found.push(...rows.filter((row) => this.fits(row)).map(({ place }) => place));
    }
    return found.slice(0, count);
  }

  /** How many places behind `from` the lists of each have in all, counted up to `limit`. */
  async countPlaces(lists: readonly WordLists[], from: string, limit: number): Promise<number[]> {
    const values: Values = { from };
    const counts = lists.map(({ words }, at) => {
      values[`words${at}`] = words;
      return `SELECT ${at} AS nr, COUNT(*) AS n FROM (SELECT 1 AS one FROM track_word WHERE word IN (:...words${at}) AND place > :from LIMIT ${limit}) few${at}`;
    });
    const rows = await this.run<{ nr: unknown; n: unknown }>(counts.join(' UNION ALL '), values);
    return lists.map((_, at) => Number(rows.find(({ nr }) => Number(nr) === at)?.n));
  }

  /** For each the place behind `from` up to which no list of it has more than `places`; the last one where none is longer. */
  async triesOf(
    lists: readonly WordLists[],
    from: string,
    places: number,
  ): Promise<(WordLists & { readonly end: string })[]> {
    const values: Values = { from };
    const ends = lists.flatMap(({ words }, at) =>
      words.map((word, nr) => {
        values[`word${at}_${nr}`] = word;
        return `SELECT * FROM (SELECT ${at} AS nr, place FROM track_word WHERE word = :word${at}_${nr} AND place > :from ORDER BY place LIMIT 1 OFFSET ${places - 1}) end${at}_${nr}`;
      }),
    );
    const rows = await this.run<{ nr: unknown; place: string }>(ends.join(' UNION ALL '), values);
    return lists.map((list, at) => ({
      ...list,
      end: rows.reduce((end, { nr, place }) => (Number(nr) === at && place < end ? place : end), LAST_PLACE),
    }));
  }

  /** Those in a few short lists, sorted by the engine. */
  sorted(kind: WordKind, words: readonly string[]): Read {
    const values: Values = { words };
    const conditions = this.conditions(kind, values);
    return (from, limit) =>
      this.run(
        `SELECT ${this.columns(kind, values)} FROM track_word p WHERE p.word IN (:...words) AND p.place > :from${conditions} ORDER BY p.place LIMIT ${limit}`,
        { ...values, from },
      );
  }

  /** Those in a few lists of any length, up to `end` if there is one: the first of each, merged here. */
  merged(kind: WordKind, words: readonly string[], end: string | null): Read {
    const values: Values = end === null ? {} : { end };
    const conditions = `${end === null ? '' : ' AND p.place <= :end'}${this.conditions(kind, values)}`;
    words.forEach((word, at) => (values[`word${at}`] = word));
    return (from, limit) => {
      const lists = words.map(
        (_, at) =>
          `SELECT * FROM (SELECT ${this.columns(kind, values)} FROM track_word p WHERE p.word = :word${at} AND p.place > :from${conditions} ORDER BY p.place LIMIT ${limit}) list${at}`,
      );
      return this.runInOrder(lists, { ...values, from }, limit);
    };
  }

  /** How many places many lists have in all, counted up to `limit`. */
  async countGathered(asked: AskedWord, limit: number): Promise<number> {
    const values: Values = {};
    const counts = listsOfWords(this.manager, asked, values).map(
      ({ from, where, join }, nr) =>
        `(SELECT COUNT(*) FROM (SELECT 1 AS one FROM ${from} WHERE ${where} AND ${join} LIMIT ${limit}) few${nr})`,
    );
    const [row] = await this.run<{ n: unknown }>(`SELECT ${counts.join(' + ')} AS n`, values);
    return Number(row?.n);
  }

  /** Those in many lists, most of them short: all places of all, sorted by the engine. */
  gathered(asked: AskedWord): Read {
    const values: Values = {};
    const lists = listsOfWords(this.manager, asked, values);
    const conditions = this.conditions(asked.kind, values);
    const columns = this.columns(asked.kind, values);
    const isPostgres = this.manager.dataSource.options.type === 'postgres';
    return (from, limit) => {
      const behind = `p.place > :from${conditions}`;
      const parts = lists.map(({ from: tables, where, join }, nr) =>
        isPostgres // would rather hash the whole table than trust that the lists are short
          ? `SELECT * FROM (SELECT found.* FROM word_ending e CROSS JOIN LATERAL (SELECT ${columns} FROM track_word p WHERE ${join} AND ${behind} ORDER BY p.place LIMIT ${limit}) found WHERE ${where} ORDER BY found.place LIMIT ${limit}) list${nr}`
          : `SELECT * FROM (SELECT ${columns} FROM ${tables} WHERE ${where} AND ${join} AND ${behind} ORDER BY p.place LIMIT ${limit}) list${nr}`,
      );
      return this.runInOrder(parts, { ...values, from }, limit);
    };
  }

  /** What the engine has not checked: that one of the names has all of the words. */
  private fits({ artists }: FoundRow): boolean {
    if (!this.isInOneName) return true;
    const words = this.filter.artist?.words ?? [];
    return linesOf(artists ?? '').some((line) => hasWords(line, words));
  }

  private columns(kind: WordKind | null, values: Values): string {
    return `p.place AS place${this.isInOneName ? `, ${textOf('a', kind, values)} AS artists` : ''}`;
  }

  /** That the texts have all words, and the ISRC its prefix; `kind` is that of the list, null for the list of all. */
  private conditions(kind: WordKind | null, values: Values): string {
    const texts = this.words.map(({ kind: of, word }, at) => {
      values[`pattern${at}`] = word.pattern;
      return ` AND ${holds(this.manager, textOf(of, kind, values), `:pattern${at}`)}`;
    });
    const { isrcPrefix } = this.filter;
    if (isrcPrefix !== null) {
      values['prefix'] = isrcPrefix;
      texts.push(` AND substr(p.place, 4, ${isrcPrefix.length}) = :prefix`);
    }
    return texts.join('');
  }

  /** The first of what several parts of one statement find. */
  private async runInOrder(parts: readonly string[], values: Values, limit: number): Promise<FoundRow[]> {
    const rows = await this.run<FoundRow>(parts.join(' UNION ALL '), values);
    return rows.sort((a, b) => (a.place < b.place ? -1 : a.place > b.place ? 1 : 0)).slice(0, limit);
  }

  private run<Row>(statement: string, values: Values): Promise<Row[]> {
    return runNamed(this.manager, statement, values);
  }
}

/**
 * The title or the artists of a track in the lists of `kind`, null for the list of all; only that one has both. A subquery,
 * which every engine reads by its key; given a join, SQLite makes an index of its own first.
 */
function textOf(wanted: WordKind, kind: WordKind | null, values: Values): string {
  const column = wanted === 't' ? 'title' : 'artists';
  if (kind === null || kind === wanted) return `p.${column}`;
  values['all'] = ALL_TRACKS;
  return `(SELECT l.${column} FROM track_word l WHERE l.word = :all AND l.place = p.place)`;
}
