import type { EntityManager } from 'typeorm';
import { afterPrefix, hasWords, markStarts, type NameQuery } from './name-search';
import { holds, runNamed, type Values } from './search-statement.query';

/** A place in a list of artists. */
export interface ArtistPlace {
  /** 0 and 1: in the part of the list whose names begin with the query; 2: in the rest. */
  readonly fit: number;
  readonly name: string;
  readonly id: string;
}

export interface ArtistRow {
  id: string;
  name: string;
  url: string;
  nameNorm: string;
  trackCount: number;
}

/** Names are counted up to here in all, to find the rarest gram of a query. */
const MAX_COUNTED = 12_000;
const MAX_COUNTED_GRAMS = 12;
/** Short words that the engine checks; further ones are checked here. */
const MAX_CHECKED_GRAMS = 6;
const MAX_BATCH = 2_000;

/**
 * Artists in the order of their list: the exact name, names that begin with the query, the rest; then by name, id. The first
 * two are one run of the index of names. The rest comes from the names of the query's rarest gram, which are in order too.
 */
export async function findArtists(
  manager: EntityManager,
  query: NameQuery | null,
  after: ArtistPlace | null,
  count: number,
): Promise<ArtistRow[]> {
  const search = new ArtistSearch(manager);
  if (query === null) return search.readRange('', null, after, count);
  const { normalised } = query;
  const end = afterPrefix(normalised);
  const isInRest = after !== null && after.fit > 1;
  const found = isInRest ? [] : await search.readRange(normalised, end, after, count);
  if (found.length >= count) return found;

  // The rest is in two parts, around the names that begin with the query: those are passed over, however many they are.
  const gram = await search.rarestGram(query);
  const position: Position = isInRest ? after : { name: '', id: '' };
  if (after === null) {
    // All that begin with the query are on this page, so they are few.
    const passed = { first: normalised, end };
    return [...found, ...(await search.readRest(query, gram, position, null, count - found.length, passed))];
  }
  if (compareText(position.name, normalised) < 0) {
    found.push(...(await search.readRest(query, gram, position, normalised, count - found.length)));
  }
  if (found.length >= count || end === null) return found;
  const start = compareText(position.name, end) < 0 ? { name: end, id: '' } : position;
  return [...found, ...(await search.readRest(query, gram, start, null, count - found.length))];
}

/** Where to go on: behind the artist with this name and id; with no id behind all of that name. */
interface Position {
  readonly name: string;
  readonly id: string | null;
}

class ArtistSearch {
  constructor(private readonly manager: EntityManager) {}

  /** Artists by name, id behind `after`, from `first` on and before `end`. */
  readRange(first: string, end: string | null, after: Position | null, count: number): Promise<ArtistRow[]> {
    return this.readArtists(
      `artist.name_norm >= :first${after === null ? '' : ' AND (artist.name_norm > :first OR artist.id > :id)'}${end === null ? '' : ' AND artist.name_norm < :end'}`,
      { first: after?.name ?? first, id: after?.id, end },
      count,
    );
  }

  /** Of the grams that a name must have, one that few names have. */
  async rarestGram({ words }: NameQuery): Promise<string> {
    const grams = [...new Set(words.flatMap((word) => word.grams))].slice(0, MAX_COUNTED_GRAMS);
    if (grams.length === 1) return grams[0] ?? '';
    const limit = Math.ceil(MAX_COUNTED / grams.length);
    const values: Values = {};
    const counts = grams.map((gram, at) => {
      values[`gram${at}`] = gram;
      return `SELECT ${at} AS nr, COUNT(*) AS n FROM (SELECT 1 AS one FROM artist_name_gram WHERE gram = :gram${at} LIMIT ${limit}) few${at}`;
    });
    const rows = await this.run<{ nr: unknown; n: unknown }>(counts.join(' UNION ALL '), values);
    const [best] = rows.sort((a, b) => Number(a.n) - Number(b.n));
    return grams[Number(best?.nr ?? 0)] ?? '';
  }

  /** Artists whose names have the query's words, behind `start` and before `end`, along the names that have the gram. */
  async readRest(
    { words }: NameQuery,
    gram: string,
    start: Position,
    end: string | null,
    count: number,
    passed?: { first: string; end: string | null },
  ): Promise<ArtistRow[]> {
    const values: Values = { gram, end, first: passed?.first, passedEnd: passed?.end };
    const inside = words.map(({ text }, at) => {
      values[`text${at}`] = text;
      return ` AND ${holds(this.manager, 'list.name', `:text${at}`)}`;
    });
    // A short word counts only where a word starts: its gram tells, asked for where the name has its letters.
    const short = words.filter((word) => word.isGram && word.grams[0] !== gram).slice(0, MAX_CHECKED_GRAMS);
    short.forEach(({ grams }, at) => {
      values[`gram${at}`] = grams[0];
      inside.push(
        ` AND (SELECT COUNT(*) FROM artist_name_gram other WHERE other.gram = :gram${at} AND other.name = list.name) > 0`,
      );
    });
    if (passed !== undefined) {
      inside.unshift(` AND (list.name < :first${passed.end === null ? '' : ' OR list.name >= :passedEnd'})`);
    }
    const found: ArtistRow[] = [];
    let from = start;
    for (let limit = count; ; limit = Math.min(MAX_BATCH, limit * 2)) {
      const rows = await this.run<{ name: string }>(
        `SELECT list.name AS name FROM artist_name_gram list WHERE list.gram = :gram AND list.name ${from.id === null ? '>' : '>='} :from${end === null ? '' : ' AND list.name < :end'}${inside.join('')} ORDER BY list.name LIMIT ${limit}`,
        { ...values, from: from.name },
      );
      // What the engine has not checked: where further short words are.
      const names = rows.map(({ name }) => name).filter((name) => hasWords(markStarts(name), words));
      while (names.length > 0) {
        // Each name has an artist at least: more names than artists are wanted are too many.
        const some = names.splice(0, count - found.length);
        found.push(...(await this.readNamed(some, from, count - found.length)));
        if (found.length >= count) return found;
        from = { name: some.at(-1) ?? '', id: null };
      }
      const last = rows.at(-1);
      if (last === undefined || rows.length < limit) return found;
      from = { name: last.name, id: null };
    }
  }

  private readNamed(names: readonly string[], { name, id }: Position, count: number): Promise<ArtistRow[]> {
    const isPartlyShown = id !== null && id !== '' && names[0] === name;
    return this.readArtists(
      `artist.name_norm IN (:...names)${isPartlyShown ? ' AND (artist.name_norm <> :name OR artist.id > :id)' : ''}`,
      isPartlyShown ? { names, name, id } : { names },
      count,
    );
  }

  private async readArtists(condition: string, values: Values, count: number): Promise<ArtistRow[]> {
    const rows = await this.run<Omit<ArtistRow, 'trackCount'> & { trackCount: number | string }>(
      `SELECT artist.id AS id, artist.name AS name, artist.url AS url, artist.name_norm AS ${this.escape('nameNorm')}, (SELECT COUNT(*) FROM track_artist credit WHERE credit.artist_id = artist.id) AS ${this.escape('trackCount')} FROM artist WHERE ${condition} ORDER BY artist.name_norm, artist.id LIMIT ${count}`,
      values,
    );
    return rows.map((row) => ({ ...row, trackCount: Number(row.trackCount) }));
  }

  private escape(name: string): string {
    return this.manager.dataSource.driver.escape(name);
  }

  private run<Row>(statement: string, values: Values): Promise<Row[]> {
    return runNamed(this.manager, statement, values);
  }
}

/** By code point, as the engines compare. */
function compareText(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
