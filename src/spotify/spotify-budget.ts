import { whenLaneHasPlace, whenPaced, noteWaiting, takePace, bulkCap, paceIntervalMs } from './budget-lanes';
import { learnedCap, learnFromRefusal, learnFromSuccess, noteSent, WINDOW_MS } from './budget-learner';
import { atTime, type BudgetLimits, type BudgetState, type Lane } from './budget-state';
import {
  book,
  countAtRefusal,
  countDay,
  countProven,
  MOST_CALLS,
  settle,
  whenDayHasRoom,
} from './budget-window';

/** A caller that is told to wait for the probe looks again after this long. */
const PROBE_RECHECK_MS = 100;

/** A probe that brought no verdict is followed by another, not at once. */
const PROBE_PAUSE_MS = 1000;

/** Of a day's calls bulk work makes no more than this, so that an import leaves some to callers who wait. */
const BULK_SHARE_OF_DAY = 0.8;

/** Of two waits that end so close together, the first is told: who comes back then hardly waits. */
const SAME_WAIT_MS = 1000;

/** A quota comes back within hours (retry-after.ts says why an hour). */
const QUOTA_MS = 3_600_000;

/** Leave to send one call now, or the time to ask again and what stands against it. */
export type BudgetDecision =
  | { readonly kind: 'go'; /** To be handed back with the answer. */ readonly sentAt: number }
  | {
      readonly kind: 'wait';
      /** The soonest that it can be; others may be quicker. */
      readonly untilMs: number;
      readonly reason: 'pace' | 'window' | 'day' | 'cooldown' | 'probe';
      /** How long after that one more call has its turn, and again each further one. */
      readonly intervalMs: number;
    };

/** How a call that was sent ended. */
export interface BudgetAnswer {
  readonly now: number;
  /** As the decision said. */
  readonly sentAt: number;
  /** `rate-limited`: a plain 429; `quota`: QUOTA_EXCEEDED; `failed`: anything that says nothing about limits. */
  readonly outcome: 'ok' | 'rate-limited' | 'quota' | 'failed';
  /** After a 429, capped by the caller. */
  readonly retryAfterMs?: number;
}

/** What health and metrics show. */
export interface BudgetReport {
  /** What bulk work may send as things are; null: nothing limits it. */
  readonly bulkCallsPerMinute: number | null;
  readonly window: {
    readonly used: number;
    /** As configured; null: none. */
    readonly limit: number | null;
    /** As learned from refusals; null: never refused. */
    readonly learned: number | null;
  };
  readonly day: {
    readonly used: number;
    readonly limit: number | null;
    /** Those of `used` that bulk work made, and how many it may. */
    readonly bulkUsed: number;
    readonly bulkLimit: number | null;
  };
  readonly cooldown: {
    readonly untilMs: number;
    readonly reason: 'rate-limited' | 'quota';
    readonly isProbing: boolean;
  } | null;
}

/**
 * Asks for leave to send one call at `now` (epoch ms). The answer has to be recorded; a call whose process died is
 * given up after `callTimeoutMs`. The same `state` comes back where there is nothing to store.
 */
export function reserve(
  state: BudgetState,
  { now, lane, limits }: { now: number; lane: Lane; limits: BudgetLimits },
): { state: BudgetState; decision: BudgetDecision } {
  const current = atTime(state, now);
  const known = knownCap(current, limits);
  const cooldown = holdOfCooldown(current);
  const hold =
    cooldown?.reason === 'probe' ? cooldown : later(cooldown, holdOfRoom(current, lane, limits, known));
  if (hold !== null) {
    const isForPlace = cooldown === null && (hold.reason === 'window' || hold.reason === 'pace');
    const noted = isForPlace ? noteWaiting(current, lane, hold.untilMs) : current;
    const decision = { ...hold, intervalMs: paceIntervalMs(current, lane, known) };
    return { state: noted === current ? state : noted, decision };
  }
  const learner = noteSent(current.learner, current.clockMs, current.log.length);
  const sent = book(takePace({ ...current, learner }, lane, known), lane, limits.callTimeoutMs);
  return { state: leaseProbe(sent, limits.callTimeoutMs), decision: { kind: 'go', sentAt: sent.clockMs } };
}

/** Records how a call ended: frees its place a window later, starts and ends cooldowns, teaches the learner. */
export function recordAnswer(state: BudgetState, answer: BudgetAnswer): BudgetState {
  const { sentAt, outcome } = answer;
  const fate = outcome === 'ok' || outcome === 'failed' ? outcome : 'refused';
  const current = settle(atTime(state, answer.now), sentAt, fate);
  const now = current.clockMs;
  switch (outcome) {
    case 'ok': {
      const success = { now, sentAt, proven: countProven(current) };
      // Only the probe ends it: a call from before the lockout, or from before a clock was set, may come back late.
      const isOver = current.cooldown?.probe?.atMs === sentAt;
      return {
        ...current,
        cooldown: isOver ? null : current.cooldown,
        learner: learnFromSuccess(current.learner, success),
      };
    }
    case 'rate-limited': {
      const retryAfterMs = answer.retryAfterMs ?? WINDOW_MS;
      const counted = countAtRefusal(current, sentAt, retryAfterMs);
      const learner = learnFromRefusal(current.learner, { now, sentAt, retryAfterMs, ...counted });
      return { ...coolDown(current, outcome, retryAfterMs), learner };
    }
    case 'quota':
      return coolDown(current, outcome, answer.retryAfterMs ?? QUOTA_MS);
    case 'failed': {
      const { cooldown } = current;
      if (cooldown?.probe?.atMs !== sentAt) return current;
      return { ...current, cooldown: { ...cooldown, untilMs: now + PROBE_PAUSE_MS, probe: null } };
    }
  }
}

/** What the budget says of itself at `now`. */
export function describe(state: BudgetState, now: number, limits: BudgetLimits): BudgetReport {
  const current = atTime(state, now);
  const { cooldown } = current;
  const cap = knownCap(current, limits);
  return {
    bulkCallsPerMinute: cap === Infinity ? null : (bulkCap(current, cap) * 60_000) / WINDOW_MS,
    window: {
      used: current.log.length,
      limit: limits.requestsPer30s || null,
      learned: current.learner.limit,
    },
    day: {
      used: countDay(current),
      limit: limits.requestsPerDay || null,
      bulkUsed: countDay(current, 'bulk'),
      bulkLimit: bulkLimitOfDay(limits.requestsPerDay) || null,
    },
    cooldown: cooldown && {
      untilMs: cooldown.untilMs,
      reason: cooldown.reason,
      isProbing: cooldown.probe !== null,
    },
  };
}

/** The most calls of 30 s that are configured or learned; `Infinity` where neither is. */
function knownCap({ learner, log }: BudgetState, { requestsPer30s }: BudgetLimits): number {
  const isExtraInFlight =
    learner.extra > 0 && log.some(({ atMs, fate }) => atMs === learner.extraAtMs && fate === 'open');
  return Math.min(requestsPer30s || Infinity, learnedCap(learner, isExtraInFlight));
}

type Hold = Omit<Extract<BudgetDecision, { kind: 'wait' }>, 'intervalMs'>;

function asHold(reason: Hold['reason'], untilMs: number | null): Hold | null {
  return untilMs === null ? null : { kind: 'wait', untilMs, reason };
}

function holdOfCooldown({ cooldown, clockMs }: BudgetState): Hold | null {
  if (cooldown === null) return null;
  const { untilMs, probe } = cooldown;
  if (clockMs < untilMs) return { kind: 'wait', untilMs, reason: 'cooldown' };
  if (probe === null || probe.leaseUntilMs <= clockMs) return null;
  return { kind: 'wait', untilMs: clockMs + PROBE_RECHECK_MS, reason: 'probe' };
}

/** What stands against the call beside a cooldown. */
function holdOfRoom(state: BudgetState, lane: Lane, limits: BudgetLimits, known: number): Hold | null {
  return (
    holdOfDay(state, lane, limits.requestsPerDay) ??
    asHold('window', whenLaneHasPlace(state, lane, Math.min(known, MOST_CALLS))) ??
    asHold('pace', whenPaced(state, lane, known))
  );
}

/** A caller is told the longer wait at once, rather than to wait for one thing and then be told of the next. */
function later(one: Hold | null, other: Hold | null): Hold | null {
  if (one === null || other === null) return one ?? other;
  return other.untilMs > one.untilMs + SAME_WAIT_MS ? other : one;
}

function holdOfDay(state: BudgetState, lane: Lane, limit: number): Hold | null {
  const bulkLimit = bulkLimitOfDay(limit);
  const isFull = countDay(state) >= limit;
  const isBulkFull = lane === 'bulk' && countDay(state, 'bulk') >= bulkLimit;
  if (limit === 0 || !(isFull || isBulkFull)) return null;
  const untilMs = Math.max(
    whenDayHasRoom(state, limit),
    isBulkFull ? whenDayHasRoom(state, bulkLimit, 'bulk') : 0,
  );
  return { kind: 'wait', untilMs, reason: 'day' };
}

/** At least one where there is a limit. */
function bulkLimitOfDay(limit: number): number {
  return limit === 0 ? 0 : Math.max(1, Math.floor(limit * BULK_SHARE_OF_DAY));
}

/** The first call after a cooldown is its probe. */
function leaseProbe(state: BudgetState, callTimeoutMs: number): BudgetState {
  const { cooldown, clockMs } = state;
  if (cooldown === null) return state;
  const probe = { atMs: clockMs, leaseUntilMs: clockMs + callTimeoutMs };
  return { ...state, cooldown: { ...cooldown, probe } };
}

/** Never shortens a cooldown that is on; a quota stays the reason until it is over. */
function coolDown(state: BudgetState, reason: 'rate-limited' | 'quota', forMs: number): BudgetState {
  const { cooldown, clockMs } = state;
  const isOn = cooldown !== null && cooldown.untilMs > clockMs;
  const untilMs = Math.max(clockMs + forMs, cooldown?.untilMs ?? 0);
  const why = isOn && cooldown.reason === 'quota' ? 'quota' : reason;
  return { ...state, cooldown: { untilMs, reason: why, probe: null } };
}
