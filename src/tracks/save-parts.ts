import type { Isrc } from '../recording/isrc';
import type { Recording } from '../recording/recording';
import { type Owners, ownersOf } from './track-owners.query';

/** Long transactions hold others up, and clusters refuse large ones. */
const ROWS_A_TRANSACTION = 1000;
/** Of a long list of parts, so many are looked at for one that can go before its turn. */
const LOOKED_AHEAD = 16;

/** What is saved in one transaction: recordings of different ISRCs, with their albums and artists. */
interface Part {
  readonly recordings: ReadonlyMap<Isrc, Recording>;
  readonly owners: Owners;
}

/**
 * Rows that a recording takes at most, the entries of the name index apart: its track, album, artists, credits and
 * candidates.
 */
function rowsOf({ chosen, candidates }: Recording): number {
  return 2 + 2 * chosen.artists.length + candidates.length;
}

/**
 * Saves recordings part by part: each of so many rows and with each ISRC once; a recording larger than that alone. Up to
 * `atOnce` parts are saved at the same time, where none would wait for another one's rows; with the same end as one after the
 * other. After a failure no more is begun, and what is under way is waited for.
 * @throws what `save` threw first
 */
export async function saveInParts(
  recordings: readonly Recording[],
  atOnce: number,
  save: (part: readonly Recording[]) => Promise<void>,
): Promise<void> {
  let waiting = [...partsOf(recordings)];
  const running = new Map<Part, Promise<void>>();
  const failures: unknown[] = [];
  const start = (part: Part) => {
    const done = save([...part.recordings.values()])
      .catch((error: unknown) => {
        failures.push(error);
        waiting = [];
      })
      .finally(() => running.delete(part));
    running.set(part, done);
  };
  while (waiting.length + running.size > 0) {
    const next = running.size < atOnce ? takeNext(waiting, [...running.keys()]) : null;
    if (next !== null) start(next);
    else await Promise.race(running.values());
  }
  if (failures.length > 0) throw failures[0];
}

/** Takes the first part out that has nothing in common with those that run, and could as well come before those it passes. */
function takeNext(waiting: Part[], running: readonly Part[]): Part | null {
  const at = waiting
    .slice(0, LOOKED_AHEAD)
    .findIndex(
      (part, place) =>
        running.every((other) => !meet(part, other)) &&
        waiting.slice(0, place).every((other) => !disagree(part, other)),
    );
  return at < 0 ? null : (waiting.splice(at, 1)[0] ?? null);
}

/** Whether two parts write, or hold, one and the same row. */
function meet(one: Part, other: Part): boolean {
  return (
    hasCommon(one.recordings, other.recordings) ||
    hasCommon(one.owners.albums, other.owners.albums) ||
    hasCommon(one.owners.artists, other.owners.artists)
  );
}

/** Whether it matters which of two parts is saved first. */
function disagree(one: Part, other: Part): boolean {
  return (
    hasCommon(one.recordings, other.recordings) ||
    hasCommon(one.owners.albums, other.owners.albums, isOther) ||
    hasCommon(one.owners.artists, other.owners.artists, isOther)
  );
}

function hasCommon<Value>(
  one: ReadonlyMap<string, Value>,
  other: ReadonlyMap<string, Value>,
  counts: (a: Value, b: Value) => boolean = () => true,
): boolean {
  for (const [key, value] of one) {
    const same = other.get(key);
    if (same !== undefined && counts(value, same)) return true;
  }
  return false;
}

const isOther = (one: object, other: object) => JSON.stringify(one) !== JSON.stringify(other);

function* partsOf(recordings: readonly Recording[]): Generator<Part> {
  let part = new Map<Isrc, Recording>();
  let rows = 0;
  const toPart = (): Part => ({ recordings: part, owners: ownersOf([...part.values()]) });
  for (const recording of recordings) {
    const more = rowsOf(recording);
    if (part.has(recording.isrc) || (part.size > 0 && rows + more > ROWS_A_TRANSACTION)) {
      yield toPart();
      part = new Map();
      rows = 0;
    }
    part.set(recording.isrc, recording);
    rows += more;
  }
  if (part.size > 0) yield toPart();
}
