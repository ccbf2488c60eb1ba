import { WINDOW_MS } from './budget-learner';
import type { BudgetState, DayBucket, Lane, LoggedCall } from './budget-state';

const DAY_MS = 86_400_000;

/** Few enough buckets to store, and fine enough that the rolling day loses 0.3 % to them. */
const BUCKET_MS = 300_000;

/** Where no limit is known yet. Far above anything on record (spotify-api.md 4.1), and it bounds the stored log. */
export const MOST_CALLS = 2000;

/** A call that is not answered yet is looked for again after this long. */
const RECHECK_MS = 50;

/** The state with one more call, sent at `state.clockMs`. */
export function book(state: BudgetState, lane: Lane, callTimeoutMs: number): BudgetState {
  const atMs = state.clockMs;
  const call: LoggedCall = { atMs, leavesAtMs: atMs + callTimeoutMs + WINDOW_MS, lane, fate: 'open' };
  return {
    ...state,
    log: [...state.log, call],
    day: bookDay(state.day, atMs, callTimeoutMs),
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

/** Calls of the last 30 s that were not refused, those in flight included. */
export function countAccepted({ log, clockMs }: BudgetState): number {
  return log.reduce(
    (sum, { atMs, fate }) => sum + (atMs > clockMs - WINDOW_MS && fate !== 'refused' ? 1 : 0),
    0,
  );
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

/** Calls of the rolling day: too many by at most a bucket, never too few. */
export function countDay({ day }: BudgetState): number {
  return day.reduce((sum, { count }) => sum + count, 0);
}

/** When the calls of the rolling day will be fewer than `limit`. */
export function whenDayHasRoom({ day, clockMs }: BudgetState, limit: number): number {
  let left = day.reduce((sum, { count }) => sum + count, 0);
  for (const { count, leavesAtMs } of day) {
    left -= count;
    if (left < limit) return leavesAtMs;
  }
  return clockMs;
}

function bookDay(day: readonly DayBucket[], atMs: number, callTimeoutMs: number): DayBucket[] {
  const last = day.at(-1);
  if (last !== undefined && atMs < last.endsAtMs) return day.with(-1, { ...last, count: last.count + 1 });
  const endsAtMs = atMs + BUCKET_MS;
  return [...day, { endsAtMs, leavesAtMs: endsAtMs + callTimeoutMs + DAY_MS, count: 1 }];
}
