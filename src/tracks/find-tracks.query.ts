import type { EntityManager } from 'typeorm';
import { type Read, type TrackFilter, TrackLists, type WordLists } from './track-lists.query';
import { type AskedWord, countWords, type Expansion, expandWords } from './word-dictionary.query';

/** When which way is taken; the answer is the same by each. */
export interface SearchBounds {
  /** So many places of the list of all tracks are looked at before anything else: what many tracks have is found there. */
  readonly firstWalk: number;
  /** A walk is gone on with while it is expected to end within so many places. */
  readonly longestWalk: number;
  /** Where no word narrows the search, and most places therefore fit, the list is walked in steps of so many. */
  readonly nextWalk: number;
  /** A query word that so few words of the dictionary have is looked for word by word. */
  readonly listedWords: number;
  /** One that so many have is a short and common one. */
  readonly gatheredWords: number;
  /** And whose lists have so many places in all are not read to their ends. */
  readonly gatheredPlaces: number;
  /** So many places of a few lists are sorted sooner than the lists are merged. */
  readonly sortedPlaces: number;
  /** Of longer lists so many places are tried, to see how many of them fit. */
  readonly triedPlaces: number;
  /** Lists are gone on with while they are expected to fill the page within so many places. */
  readonly longestLists: number;
  /** Rows read at a time at most, where what the engine finds has to be checked. */
  readonly batch: number;
}

/** As measured on a million artists and five million tracks. */
export const DEFAULT_BOUNDS: SearchBounds = {
  firstWalk: 2_000,
  longestWalk: 20_000,
  nextWalk: 50_000,
  listedWords: 64,
  gatheredWords: 4_000,
  gatheredPlaces: 20_000,
  sortedPlaces: 4_000,
  triedPlaces: 2_000,
  longestLists: 50_000,
  batch: 2_000,
};

/** Words of a query that are looked up in the dictionary, the longest; the others are checked where these lead. */
const MAX_EXPANDED = 6;

/** How far a walk along the list of all tracks has come. */
interface Walk {
  readonly found: string[];
  from: string;
  isOver: boolean;
}

/**
 * Finds the places of tracks that fit a filter, in order: up to `count` of those behind `after`.
 *
 * What few tracks have is found by the lists of the words concerned, the shortest first; what many have, as short words, by
 * walking along the list of all. Each way gives the same answer, and goes on from `after` at the cost of the first page.
 */
export async function findPlaces(
  manager: EntityManager,
  filter: TrackFilter,
  after: string,
  count: number,
  bounds: SearchBounds = DEFAULT_BOUNDS,
): Promise<string[]> {
  const lists = new TrackLists(manager, filter, bounds.batch);
  if (lists.words.length === 0 && filter.isrcPrefix === null) {
    return lists.collect(after, count, lists.all(null));
  }
  return new TrackSearch(manager, lists, bounds).find(after, count);
}

class TrackSearch {
  constructor(
    private readonly manager: EntityManager,
    private readonly lists: TrackLists,
    private readonly bounds: SearchBounds,
  ) {}

  async find(after: string, count: number): Promise<string[]> {
    const { firstWalk, longestWalk } = this.bounds;
    const found = await this.findByLists(after, count);
    if (found !== null) return found;
    const walk: Walk = { found: [], from: after, isOver: false };
    await this.walkOn(walk, firstWalk, count);
    const expected = (firstWalk * (count - walk.found.length)) / walk.found.length;
    if (expected <= 2 * firstWalk) await this.walkOn(walk, 3 * firstWalk, count);
    await this.findSparse(walk, count, expected <= longestWalk);
    return walk.found;
  }

  /** By a word of the query that few words of the dictionary have; null where there is none. */
  private async findByLists(after: string, count: number): Promise<string[] | null> {
    const { listedWords, sortedPlaces } = this.bounds;
    const longest = [...this.lists.words].sort((a, b) => b.word.text.length - a.word.text.length);
    const asked = longest.filter(({ word: { text } }) => text.length > 1).slice(0, MAX_EXPANDED);
    if (asked.length === 0) return null;
    const expansions = await expandWords(this.manager, asked, listedWords);
    if (expansions.some(({ words }) => words?.length === 0)) return [];
    const listed = expansions.flatMap(({ kind, words }) => (words === null ? [] : [{ kind, words }]));
    const [only] = listed;
    if (only === undefined) return null;
    const { lists } = this;
    // With nothing to be checked, lists are read no further than needed.
    if (lists.isOneWord) return lists.collect(after, count, lists.merged(only.kind, only.words, null));

    const counts = await lists.countPlaces(listed, after, sortedPlaces);
    const fewest = Math.min(...counts);
    const short = listed[counts.indexOf(fewest)];
    if (short !== undefined && fewest < sortedPlaces) {
      return lists.collect(after, count, lists.sorted(short.kind, short.words));
    }
    return this.findByLongLists(expansions, listed, after, count);
  }

  /** By those lists that are thinnest behind a place: some way for a try, then to the end, or by what else is there. */
  private async findByLongLists(
    expansions: readonly Expansion[],
    listed: readonly WordLists[],
    after: string,
    count: number,
  ): Promise<string[]> {
    const { lists } = this;
    const { triedPlaces, longestLists, sortedPlaces } = this.bounds;
    const tries = await lists.triesOf(listed, after, triedPlaces);
    const { kind, words, end } = tries.reduce((a, b) => (a.end >= b.end ? a : b));
    const found = await lists.collect(after, count, lists.merged(kind, words, end));
    const wanted = count - found.length;
    if (wanted === 0) return found;
    const isSparse = (triedPlaces * wanted) / found.length > longestLists;
    if (isSparse) {
      const byPrefix = await lists.findByPrefix(end, wanted, sortedPlaces);
      if (byPrefix !== null) return [...found, ...byPrefix];
    }
    const many = isSparse ? await this.byManyLists(expansions.filter(({ words }) => words === null)) : null;
    return [...found, ...(await lists.collect(end, wanted, many ?? lists.merged(kind, words, null)))];
  }

  /** What few tracks have, or tracks late in the list, where no word has few lists. */
  private async findSparse(walk: Walk, count: number, isWalkShort: boolean): Promise<void> {
    if (walk.isOver || walk.found.length >= count) return;
    const { longestWalk, nextWalk, sortedPlaces } = this.bounds;
    const wanted = count - walk.found.length;
    const byPrefix = await this.lists.findByPrefix(walk.from, wanted, sortedPlaces);
    if (byPrefix !== null) {
      walk.found.push(...byPrefix);
      return;
    }
    const read = isWalkShort ? null : await this.byManyLists(this.lists.words);
    if (read !== null) {
      walk.found.push(...(await this.lists.collect(walk.from, wanted, read)));
      return;
    }
    await this.walkOn(walk, longestWalk, count);
    for (let isOn = true; isOn;) isOn = await this.walkOn(walk, nextWalk, count);
  }

  /** Goes along the list of all tracks for so many places; false where there was nothing to go on for. */
  private async walkOn(walk: Walk, places: number, count: number): Promise<boolean> {
    if (walk.isOver || walk.found.length >= count) return false;
    const end = await this.lists.placeBehind(walk.from, places);
    const wanted = count - walk.found.length;
    walk.found.push(...(await this.lists.collect(walk.from, wanted, this.lists.all(end))));
    walk.from = end ?? walk.from;
    walk.isOver = end === null;
    return true;
  }

  /** By the word of the query whose lists, though many, have the fewest places; null where all have a lot. */
  private async byManyLists(words: readonly AskedWord[]): Promise<Read | null> {
    const { gatheredWords, gatheredPlaces } = this.bounds;
    let fewest: AskedWord | null = null;
    let places = gatheredPlaces;
    for (const asked of words.slice(0, MAX_EXPANDED)) {
      if ((await countWords(this.manager, asked.word, gatheredWords)) >= gatheredWords) continue;
      const counted = await this.lists.countGathered(asked, places);
      if (counted >= places) continue;
      fewest = asked;
      places = counted;
    }
    return fewest === null ? null : this.lists.gathered(fewest);
  }
}
