/** Spotify's rate limit counts calls in a rolling window of this length (spotify-api.md 4.1). */
export const WINDOW_MS = 30_000;

/** What is known of the upstream's own limit of calls in 30 s, which it does not tell. */
export interface LearnerState {
  /** Null until the first refusal. */
  readonly limit: number | null;
  /** The highest limit lately held: while `limit` is below, the rise back is tried more often. */
  readonly best: number;
  /** When the last refusal was heard of. Calls sent before it belong to it. */
  readonly refusedAtMs: number;
  /** Whether the last refusal set the limit by a count that included calls in flight. */
  readonly isCounted: boolean;
  /** Whether the last refusal is unexplained: neither a count nor an attempt to rise accounts for it. */
  readonly isDoubtful: boolean;
  readonly okSince: number;
  /** Calls above the limit that the attempt to rise allows now; 0 while there is none. */
  readonly extra: number;
  /** When the latest call above the limit was sent; one at a time, so that a failed attempt costs one refusal. */
  readonly extraAtMs: number;
  /** Whether this attempt has shown that the true limit is higher: then it goes on without waiting for each call. */
  readonly isRising: boolean;
  /** What the last failed attempt to rise cost: its Retry-After. */
  readonly riseCostMs: number;
}

/** A failed attempt to rise costs a refusal or two: with one in so many calls they stay below 1 in 1,000. */
const CALLS_BETWEEN_RISES = 2500;

/** While the limit is lower than it was not long ago: a limit that fell for a time is found again within minutes. */
const CALLS_BETWEEN_QUICK_RISES = 500;

/** The rise costs its Retry-After when it fails: at most one part in so many of the time. */
const RISE_COST_SHARE = 60;

/** A second refusal within this time of the one before. */
const SOON_MS = 2 * WINDOW_MS;

/** Nothing is learned yet. */
export function emptyLearner(): LearnerState {
  return {
    limit: null,
    best: 0,
    refusedAtMs: 0,
    isCounted: false,
    isDoubtful: false,
    okSince: 0,
    extra: 0,
    extraAtMs: 0,
    isRising: false,
    riseCostMs: 0,
  };
}

/** The calls that may be held now, `Infinity` where nothing is known. */
export function learnedCap({ limit, extra, isRising }: LearnerState, isExtraInFlight: boolean): number {
  if (limit === null) return Infinity;
  return isExtraInFlight && !isRising ? limit : limit + extra;
}

/** A call goes out at `now` while `held` others count: beyond the limit, it is the attempt's. */
export function noteSent(learner: LearnerState, now: number, held: number): LearnerState {
  return learner.limit === null || held < learner.limit ? learner : { ...learner, extraAtMs: now };
}

/**
 * A call was refused with a plain 429. `accepted` is how many of our calls of the last 30 s were not: at the first
 * refusal that is the limit (performance.md, "window learner").
 */
export function learnFromRefusal(
  learner: LearnerState,
  refusal: { now: number; sentAt: number; accepted: number; retryAfterMs: number },
): LearnerState {
  const { now, sentAt, accepted, retryAfterMs } = refusal;
  const { limit, best, refusedAtMs, riseCostMs } = learner;
  // Sent after now: sent before the clock was set back, so before all that is known since.
  if (sentAt <= refusedAtMs || sentAt > now) {
    // It was in flight, and counted as let through, when the first refusal of this event was heard of.
    return learner.isCounted && limit !== null ? settled(learner, Math.max(1, limit - 1)) : learner;
  }
  // None of ours was let through: the window was full, or closed, for a reason that has nothing to do with its size.
  if (accepted === 0) return learner;
  const next = {
    ...learner,
    refusedAtMs: now,
    isCounted: false,
    isDoubtful: false,
    okSince: 0,
    extra: 0,
    isRising: false,
  };
  if (limit === null) return { ...next, limit: accepted, best: accepted, isCounted: true };
  // Calls that crossed on the way make the count differ by one or so.
  if (accepted < limit * 0.97 - 1)
    return { ...next, limit: Math.max(accepted, Math.floor(limit / 2), 1), isCounted: true };
  // The attempt to rise is to blame while upstream still counts a call that it sent beyond the limit.
  if (learner.extra > 0 && sentAt - learner.extraAtMs < WINDOW_MS) {
    // One long wait among short ones is likely a limit that fell just then: it counts in part.
    const cost = riseCostMs === 0 ? retryAfterMs : Math.min(retryAfterMs, riseCostMs * 2);
    return { ...next, best: limit + Math.floor((best - limit) * 0.7), riseCostMs: cost };
  }
  const isSecond = learner.isDoubtful && now - refusedAtMs - retryAfterMs < SOON_MS;
  const lower = isSecond ? Math.floor(limit / 2) : limit - Math.ceil(limit / 100);
  return { ...next, limit: Math.max(1, lower), isDoubtful: true };
}

/**
 * A call was let through. `proven` is how many upstream surely let through within one window. The rise goes call by
 * call: upstream has a little more room than our log, which holds a call until its answer has aged, so the first calls
 * beyond the limit prove nothing yet.
 */
export function learnFromSuccess(
  learner: LearnerState,
  success: { now: number; sentAt: number; proven: number },
): LearnerState {
  const { now, sentAt, proven } = success;
  const { limit, best, extra } = learner;
  const next = { ...learner, okSince: learner.okSince + 1 };
  if (limit === null) return next;
  if (extra === 0) return isRiseDue(next, now) ? { ...next, extra: 1, extraAtMs: 0 } : next;
  if (proven > limit) {
    const step = Math.max(2, Math.floor(proven / 4));
    return { ...next, limit: proven, best: Math.max(best, proven), extra: step, isRising: true };
  }
  if (sentAt !== learner.extraAtMs || learner.isRising) return next;
  return { ...next, extra: Math.min(extra + 1, Math.max(2, Math.floor(limit / 10))) };
}

/** The learner after a clock was set by `byMs`. */
export function shiftLearner(learner: LearnerState, byMs: number): LearnerState {
  const { refusedAtMs, extraAtMs } = learner;
  return { ...learner, refusedAtMs: refusedAtMs + byMs, extraAtMs: extraAtMs + byMs };
}

function settled(learner: LearnerState, limit: number): LearnerState {
  const isFirst = learner.best === learner.limit;
  return { ...learner, limit, best: isFirst ? limit : learner.best };
}

function isRiseDue({ limit, best, refusedAtMs, okSince, riseCostMs }: LearnerState, now: number): boolean {
  if (now - refusedAtMs < riseCostMs * RISE_COST_SHARE) return false;
  return okSince >= ((limit ?? 0) < best ? CALLS_BETWEEN_QUICK_RISES : CALLS_BETWEEN_RISES);
}
