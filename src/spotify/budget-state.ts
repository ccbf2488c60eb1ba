import { emptyLearner, type LearnerState, shiftLearner } from './budget-learner';

/** Who asks: a caller who waits for the answer, or work in the background. */
export type Lane = 'interactive' | 'bulk';

/** What the configuration allows. */
export interface BudgetLimits {
  /** Calls in any 30 s; 0 is none of our own, so that only what is learned limits. */
  readonly requestsPer30s: number;
  /** Calls in any 24 h; 0 is none. */
  readonly requestsPerDay: number;
  /** How long one call may take from its reservation to its answer; one that is silent for longer is given up. */
  readonly callTimeoutMs: number;
}

/** One call in the sliding log. */
export interface LoggedCall {
  readonly atMs: number;
  /** When it stops counting: a window after its answer, or after the last moment at which it could be answered. */
  readonly leavesAtMs: number;
  readonly lane: Lane;
  readonly fate: 'open' | 'ok' | 'refused' | 'failed';
}

/** Calls of a few minutes, counted together until the last of them has left the rolling day. */
export interface DayBucket {
  readonly endsAtMs: number;
  readonly leavesAtMs: number;
  readonly count: number;
  /** Those of `count` that bulk work made. */
  readonly bulk: number;
}

/** Nothing is sent before `untilMs`; then one probe, and the rest when it is answered well. */
export interface Cooldown {
  readonly untilMs: number;
  readonly reason: 'rate-limited' | 'quota';
  /** The probe in flight; another may be sent when its lease is over, for its process may be gone. */
  readonly probe: { readonly atMs: number; readonly leaseUntilMs: number } | null;
}

interface LaneState {
  /** Theoretical arrival time of the lane's next call, as the generic cell rate algorithm has it. */
  readonly paceAtMs: number;
  /** Until then somebody of this lane is taken to wait for a place. */
  readonly waitingUntilMs: number;
  /** When somebody of this lane last got leave, or was told to wait for a place. */
  readonly askedAtMs: number;
}

/** All that the budget knows: plain data, the same for every process that shares it. */
export interface BudgetState {
  /** The latest time told; it runs backwards only where a clock was set back. */
  readonly clockMs: number;
  readonly log: readonly LoggedCall[];
  readonly day: readonly DayBucket[];
  readonly lanes: Readonly<Record<Lane, LaneState>>;
  readonly lastLane: Lane | null;
  readonly cooldown: Cooldown | null;
  readonly learner: LearnerState;
}

/** A budget that has seen no call. */
export function emptyBudget(): BudgetState {
  const lane = { paceAtMs: 0, waitingUntilMs: 0, askedAtMs: 0 };
  return {
    clockMs: 0,
    log: [],
    day: [],
    lanes: { interactive: lane, bulk: lane },
    lastLane: null,
    cooldown: null,
    learner: emptyLearner(),
  };
}

/** A clock that is behind by no more than this is taken to have stood still: adjustments, and messages that crossed. */
const STANDSTILL_MS = 5000;

/**
 * The state at a time: what has left is dropped, and the clock is `now`.
 *
 * A clock that was set back moves everything back with it, as if no time had passed since the last call. Time that did
 * pass is then counted twice, never left out: no window is exceeded, and no cooldown lasts longer than was left of it.
 * A clock set forward cannot be told from time that passed: what it skips is forgotten. Where calls were spread evenly,
 * as the pace spreads them, the window across the step then holds at most 1.4 times its limit, and the first call after
 * a skipped cooldown is still a single probe.
 */
export function atTime(state: BudgetState, now: number): BudgetState {
  if (state.clockMs === 0) return begun(state, now);
  const backMs = state.clockMs - now;
  const moved = backMs > STANDSTILL_MS ? shift(state, -backMs) : state;
  const clockMs = Math.max(now, moved.clockMs);
  return { ...moved, clockMs, log: current(moved.log, clockMs), day: current(moved.day, clockMs) };
}

/** Nobody was seen yet: callers who wait may come at any moment, so their part is kept as if one had just been here. */
function begun(state: BudgetState, now: number): BudgetState {
  const { interactive, bulk } = state.lanes;
  return { ...state, clockMs: now, lanes: { interactive: { ...interactive, askedAtMs: now }, bulk } };
}

/** Those that have not left; mostly that is all of them, and the list stays. */
function current<T extends { readonly leavesAtMs: number }>(
  list: readonly T[],
  clockMs: number,
): readonly T[] {
  const isCurrent = ({ leavesAtMs }: T) => leavesAtMs > clockMs;
  return list.every(isCurrent) ? list : list.filter(isCurrent);
}

function shift(state: BudgetState, byMs: number): BudgetState {
  const { log, day, lanes, cooldown } = state;
  const moveLane = ({ paceAtMs, waitingUntilMs, askedAtMs }: LaneState): LaneState => ({
    paceAtMs: paceAtMs + byMs,
    waitingUntilMs: waitingUntilMs + byMs,
    askedAtMs: askedAtMs + byMs,
  });
  return {
    ...state,
    clockMs: state.clockMs + byMs,
    log: log.map((call) => ({ ...call, atMs: call.atMs + byMs, leavesAtMs: call.leavesAtMs + byMs })),
    day: day.map((bucket) => ({
      ...bucket,
      endsAtMs: bucket.endsAtMs + byMs,
      leavesAtMs: bucket.leavesAtMs + byMs,
    })),
    lanes: { interactive: moveLane(lanes.interactive), bulk: moveLane(lanes.bulk) },
    cooldown: cooldown && {
      ...cooldown,
      untilMs: cooldown.untilMs + byMs,
      probe: cooldown.probe && {
        atMs: cooldown.probe.atMs + byMs,
        leaseUntilMs: cooldown.probe.leaseUntilMs + byMs,
      },
    },
    learner: shiftLearner(state.learner, byMs),
  };
}
