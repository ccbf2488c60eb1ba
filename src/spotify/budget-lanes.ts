import { WINDOW_MS } from './budget-learner';
import type { BudgetState, Lane } from './budget-state';
import { countHeld, whenLeft } from './budget-window';

/** While callers who wait come now and then, bulk work holds no more of the window: 30 % are there for them at once. */
const BULK_SHARE = 0.7;

/** When none has come for so long, bulk work may hold nearly all of the window: nothing of it is wasted overnight. */
const QUIET_MS = 2 * WINDOW_MS;

/** What is kept even then, for the first who comes. Of a small window that is nothing: a place is free within moments. */
const QUIET_RESERVE = 0.01;

/** What stays to bulk work when the callers who wait could use everything. */
const BULK_FLOOR = 0.1;

/** Calls go out by this part of an even interval, to make up for pauses; the log keeps the count all the same. */
const PACE = 0.9;

/**
 * Calls that may follow each other at once, for callers who wait: about half of the window that is configured unless
 * told otherwise, and fewer once Spotify has refused, for then the window is its own and nearly full.
 */
const INTERACTIVE_BURST = 12;
const INTERACTIVE_BURST_ONCE_REFUSED = 5;

/** Several are decided in one visit to the database, which takes about so long. */
const LEAST_SLACK_MS = 100;

/** How long after its time to come back somebody who was told to wait is still taken to be there. */
const WAIT_GRACE_MS: Readonly<Record<Lane, number>> = { interactive: 1000, bulk: 5000 };

/** When the lane has a place within `cap` calls of the window; null: now. Decided from the state alone. */
export function whenLaneHasPlace(state: BudgetState, lane: Lane, cap: number): number | null {
  const held = countHeld(state);
  const total = held.bulk + held.interactive;
  const other = lane === 'bulk' ? 'interactive' : 'bulk';
  const isOtherWaiting = state.lanes[other].waitingUntilMs > state.clockMs;
  // One place cannot be shared: it goes in turns.
  if (cap === 1 && total === 0 && isOtherWaiting && state.lastLane === lane) return whenLeft(state, 1);

  const floor = cap === 1 ? 0 : Math.max(1, Math.floor(cap * BULK_FLOOR));
  if (lane === 'interactive') {
    const over = total + (isOtherWaiting ? Math.max(0, floor - held.bulk) : 0) - cap;
    return over < 0 ? null : whenLeft(state, over + 1);
  }
  const overAll = total - cap;
  const overLane = held.bulk - (isOtherWaiting && cap > 1 ? floor : bulkCap(state, cap));
  if (overAll < 0 && overLane < 0) return null;
  return Math.max(
    overAll < 0 ? 0 : whenLeft(state, overAll + 1),
    overLane < 0 ? 0 : whenLeft(state, overLane + 1, 'bulk'),
  );
}

/** When the pace lets the lane's next call go; null: now. */
export function whenPaced(state: BudgetState, lane: Lane, cap: number): number | null {
  const intervalMs = paceIntervalMs(state, lane, cap);
  const slackMs = paceSlackMs(state, lane, intervalMs);
  // The pace may have been slower when the last call was booked.
  const paceAtMs = Math.min(state.lanes[lane].paceAtMs, state.clockMs + slackMs + intervalMs);
  return state.clockMs < paceAtMs - slackMs ? paceAtMs - slackMs : null;
}

/** The state after the lane used its pace once. */
export function takePace(state: BudgetState, lane: Lane, cap: number): BudgetState {
  const intervalMs = paceIntervalMs(state, lane, cap);
  const latest = state.clockMs + paceSlackMs(state, lane, intervalMs);
  const paceAtMs = Math.max(Math.min(state.lanes[lane].paceAtMs, latest), state.clockMs) + intervalMs;
  return withLane(state, lane, { ...state.lanes[lane], paceAtMs, askedAtMs: state.clockMs });
}

/** The state that knows of somebody waiting in the lane; the same one where it knew. */
export function noteWaiting(state: BudgetState, lane: Lane, untilMs: number): BudgetState {
  const waitingUntilMs = untilMs + WAIT_GRACE_MS[lane];
  const known = state.lanes[lane];
  // Half the grace at a time, so that not every look at a full window is a write.
  if (known.waitingUntilMs >= waitingUntilMs - WAIT_GRACE_MS[lane] / 2) return state;
  return withLane(state, lane, { ...known, waitingUntilMs, askedAtMs: state.clockMs });
}

function withLane(state: BudgetState, lane: Lane, laneState: BudgetState['lanes'][Lane]): BudgetState {
  return { ...state, lanes: { ...state.lanes, [lane]: laneState } };
}

/** Calls of the window that bulk work may hold. */
export function bulkCap({ lanes, clockMs }: BudgetState, cap: number): number {
  const isQuiet = clockMs - lanes.interactive.askedAtMs >= QUIET_MS;
  return Math.max(1, isQuiet ? cap - Math.floor(cap * QUIET_RESERVE) : Math.floor(cap * BULK_SHARE));
}

/** Between one call of a lane and the next, evenly over a window of `cap` calls. */
export function paceIntervalMs(state: BudgetState, lane: Lane, cap: number): number {
  return cap === Infinity ? 0 : (WINDOW_MS / (lane === 'bulk' ? bulkCap(state, cap) : cap)) * PACE;
}

function paceSlackMs({ learner }: BudgetState, lane: Lane, intervalMs: number): number {
  const burst = learner.limit === null ? INTERACTIVE_BURST : INTERACTIVE_BURST_ONCE_REFUSED;
  return Math.max(LEAST_SLACK_MS, intervalMs * (lane === 'bulk' ? 1 : burst - 1));
}
