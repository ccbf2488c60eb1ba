import type { EntityManager } from 'typeorm';
import { type Read, type TrackFilter, TrackLists } from './track-lists.query';
import { countWords, type Expansion, expandWords } from './word-dictionary.query';

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
  /** Places are counted up to here, to find the shortest lists. */
  readonly countedPlaces: number;
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
  sortedPlaces: 5_000,
  countedPlaces: 20_000,
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
 * What many tracks have is found by walking along the list of all; what few have, by the lists of the words concerned, the
 * shortest first. Each way gives the same answer, and goes on from `after` at the cost of the first page.
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
    const walk: Walk = { found: [], from: after, isOver: false };
    await this.walkOn(walk, firstWalk, count);
    const expected = (firstWalk * (count - walk.found.length)) / walk.found.length;
    if (expected <= 2 * firstWalk) await this.walkOn(walk, 3 * firstWalk, count);
    await this.findSparse(walk, count, expected <= longestWalk);
    return walk.found;
  }

  /** What few tracks have, or tracks late in the list. */
  private async findSparse(walk: Walk, count: number, isWalkShort: boolean): Promise<void> {
    if (walk.isOver || walk.found.length >= count) return;
    const { longestWalk, nextWalk, listedWords, sortedPlaces } = this.bounds;
    const wanted = count - walk.found.length;
    const byPrefix = await this.lists.findByPrefix(walk.from, wanted, sortedPlaces);
    if (byPrefix !== null) {
      walk.found.push(...byPrefix);
      return;
    }
    const longest = [...this.lists.words].sort((a, b) => b.word.text.length - a.word.text.length);
    const asked = longest.slice(0, MAX_EXPANDED);
    const expansions = asked.length === 0 ? [] : await expandWords(this.manager, asked, listedWords);
    if (expansions.some(({ words }) => words?.length === 0)) return;
    const read = await this.wayFor(expansions, isWalkShort);
    if (read !== null) {
      walk.found.push(...(await this.lists.collect(walk.from, wanted, read)));
      return;
    }
    await this.walkOn(walk, longestWalk, count);
    for (let isOn = true; isOn;) isOn = await this.walkOn(walk, nextWalk, count);
  }

  /** How to read tracks by the lists of words; null where the list of all is read sooner. */
  private async wayFor(expansions: readonly Expansion[], isWalkShort: boolean): Promise<Read | null> {
    const few = await this.byFewLists(expansions);
    if (few !== null && (few.isShort || expansions.length === 1)) return few.read;
    const many = isWalkShort
      ? null
      : await this.byManyLists(expansions.filter(({ words }) => words === null));
    return many ?? few?.read ?? null;
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

  /** By the word of the query whose lists have the fewest places in all; null where none has few lists. */
  private async byFewLists(
    expansions: readonly Expansion[],
  ): Promise<{ read: Read; isShort: boolean } | null> {
    const { sortedPlaces, countedPlaces } = this.bounds;
    const listed = expansions.flatMap(({ kind, words }) => (words === null ? [] : [{ kind, words }]));
    let [fewest] = listed;
    let places = countedPlaces;
    // With nothing to compare with, and lists that are read no further than needed, there is nothing to count.
    for (const each of expansions.length === 1 ? [] : listed) {
      const counted = await this.lists.countPlaces(each.words, places);
      if (counted >= places) continue;
      fewest = each;
      places = counted;
    }
    if (fewest === undefined) return null;
    const { kind, words } = fewest;
    const isShort = places < sortedPlaces;
    return { read: isShort ? this.lists.sorted(kind, words) : this.lists.merged(kind, words), isShort };
  }

  /** By the word of the query whose lists, though many, have the fewest places; null where all have a lot. */
  private async byManyLists(expansions: readonly Expansion[]): Promise<Read | null> {
    const { gatheredWords, gatheredPlaces } = this.bounds;
    let fewest: Expansion | null = null;
    let places = gatheredPlaces;
    for (const expansion of expansions) {
      if ((await countWords(this.manager, expansion, gatheredWords)) >= gatheredWords) continue;
      const counted = await this.lists.countGathered(expansion, places);
      if (counted >= places) continue;
      fewest = expansion;
      places = counted;
    }
    return fewest === null ? null : this.lists.gathered(fewest);
  }
}
