import { WINDOW_MS } from './budget-learner';
import type { BudgetState, DayBucket, Lane, LoggedCall } from './budget-state';

const DAY_MS = 86_400_000;

/** Few enough buckets to store, and fine enough that the rolling day loses 0.3 % to them. */
const BUCKET_MS = 300_000;

/** Where no limit is known yet. Far above anything on record (spotify-api.md 4.1), and it bounds the stored log. */
export const MOST_CALLS = 2000;

/** `Retry-After` is in whole seconds, rounded up: the latest moment that rounds to it is taken. */
const ROUNDING_MS = 1000;

/** A call that is not answered yet is looked for again after this long. */
const RECHECK_MS = 50;

/** The state with one more call, sent at `state.clockMs`. */
export function book(state: BudgetState, lane: Lane, callTimeoutMs: number): BudgetState {
  const atMs = state.clockMs;
  const call: LoggedCall = { atMs, leavesAtMs: atMs + callTimeoutMs + WINDOW_MS, lane, fate: 'open' };
  return {
    ...state,
    log: [...state.log, call],
    day: bookDay(state.day, { atMs, lane, callTimeoutMs }),
    lastLane: lane,
  };
}

/**
 * Upstream counted the call at some time between its reservation and its answer, so a window after the answer it has
 * surely forgotten it. That holds for any latency, and costs latency / 30 s of the calls permitted.
 */
export function settle(state: BudgetState, sentAt: number, fate: LoggedCall['fate']): BudgetState {
  const index = state.log.findIndex((call) => call.atMs === sentAt && call.fate === 'open');
  const call = state.log[index];
  if (call === undefined) return state;
  const settled = { ...call, fate, leavesAtMs: state.clockMs + WINDOW_MS + 1 };
  return { ...state, log: state.log.with(index, settled) };
}

/** How many calls still count, by lane. */
export function countHeld({ log }: BudgetState): Record<Lane, number> {
  const bulk = log.reduce((sum, { lane }) => sum + (lane === 'bulk' ? 1 : 0), 0);
  return { bulk, interactive: log.length - bulk };
}

/** What a refused call tells of the upstream's window, at the time of its answer. */
export interface RefusalCount {
  /** Our calls that upstream counted when it refused, those in flight included. */
  readonly accepted: number;
  /**
   * The limit for which `Retry-After` would be the time until a rolling window has room: as many of our calls still
   * count then as leave room for one. Null where it is no time within the window.
   */
  readonly implied: number | null;
}

/** Counts by the middle between sending and answer, which is about when a call arrived. */
export function countAtRefusal(state: BudgetState, sentAt: number, retryAfterMs: number): RefusalCount {
  const { log, clockMs } = state;
  const refusedAtMs = (Math.min(sentAt, clockMs) + clockMs) / 2;
  const counted = log.filter(({ fate }) => fate !== 'refused');
  const answered = counted.filter(({ fate }) => fate !== 'open');
  const since = (calls: readonly LoggedCall[], ms: number) =>
    calls.filter((call) => arrivalOf(call) > ms).length;
  const hasRoomMs = refusedAtMs + retryAfterMs - ROUNDING_MS;
  return {
    accepted: since(counted, refusedAtMs - WINDOW_MS),
    implied: retryAfterMs >= WINDOW_MS ? null : since(answered, hasRoomMs - WINDOW_MS) + 1,
  };
}

function arrivalOf({ atMs, leavesAtMs, fate }: LoggedCall): number {
  return fate === 'open' ? atMs : (atMs + leavesAtMs - WINDOW_MS) / 2;
}

/** Calls that upstream surely received and let through within one window: sent and answered in the last 30 s. */
export function countProven({ log, clockMs }: BudgetState): number {
  return log.reduce((sum, { atMs, fate }) => sum + (atMs > clockMs - WINDOW_MS && fate === 'ok' ? 1 : 0), 0);
}

/** When `places` calls, of one lane or of both, will have left at the soonest. */
export function whenLeft(state: BudgetState, places: number, lane?: Lane): number {
  const leaving = state.log
    .filter((call) => lane === undefined || call.lane === lane)
    // An open call can be answered at any moment, and so leave earlier than its lease says.
    .map((call) => (call.fate === 'open' ? call.atMs + WINDOW_MS : call.leavesAtMs));
  const at = places === 1 ? Math.min(...leaving) : leaving.sort((a, b) => a - b)[places - 1];
  return Math.max(at ?? 0, state.clockMs + RECHECK_MS);
}

/** Calls of the rolling day, of all or of bulk work alone: too many by at most a bucket, never too few. */
export function countDay({ day }: BudgetState, of: 'count' | 'bulk' = 'count'): number {
  return day.reduce((sum, bucket) => sum + bucket[of], 0);
}

/** When the calls of the rolling day, of all or of bulk work alone, will be fewer than `limit`. */
export function whenDayHasRoom(state: BudgetState, limit: number, of: 'count' | 'bulk' = 'count'): number {
  let left = countDay(state, of);
  for (const bucket of state.day) {
    if (left < limit) break;
    left -= bucket[of];
    if (left < limit) return bucket.leavesAtMs;
  }
  return state.clockMs;
}

function bookDay(
  day: readonly DayBucket[],
  { atMs, lane, callTimeoutMs }: { atMs: number; lane: Lane; callTimeoutMs: number },
): DayBucket[] {
  const bulk = lane === 'bulk' ? 1 : 0;
  const last = day.at(-1);
  if (last !== undefined && atMs < last.endsAtMs)
    return day.with(-1, { ...last, count: last.count + 1, bulk: last.bulk + bulk });
  const endsAtMs = atMs + BUCKET_MS;
  return [...day, { endsAtMs, leavesAtMs: endsAtMs + callTimeoutMs + DAY_MS, count: 1, bulk }];
}
