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
  /** The limit from which this attempt rises. Well above it, it goes on without waiting for each call. */
  readonly riseFrom: number;
  /** What a failed attempt to rise costs, as the last refusals told: 0 where they told when the window has room. */
  readonly riseCostMs: number;
  /** Attempts to rise that failed since the limit last changed: the more, the longer until the next. */
  readonly failedRises: number;
}

/**
 * After how many calls an attempt to rise is due. One that fails costs a refusal or two, so each is followed by twice as
 * many calls, up to a number that keeps refusals well below 1 in 1,000 where nothing changes. It begins anew when the
 * limit changed: what changed once may change again.
 */
const RISE_AFTER = { first: 800, most: 2400 };

/** While the limit is lower than it was not long ago: one that fell for a time is found again within minutes. */
const RISE_BACK_AFTER = { first: 400, most: 1000 };

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
    riseFrom: 0,
    riseCostMs: 0,
    failedRises: 0,
  };
}

/** The calls that may be held now, `Infinity` where nothing is known. */
export function learnedCap(learner: LearnerState, isExtraInFlight: boolean): number {
  const { limit, extra } = learner;
  if (limit === null) return Infinity;
  return isExtraInFlight && !isRising(learner) ? safeCap(limit, extra) : limit + extra;
}

/** What the attempt has shown to be let through, with a margin: beyond it, calls go one at a time. */
function safeCap(limit: number, extra: number): number {
  return limit + Math.max(0, extra - 1 - Math.ceil(limit * 0.03));
}

/** A call goes out at `now` while `held` others count: the highest yet, it is the attempt's. */
export function noteSent(learner: LearnerState, now: number, held: number): LearnerState {
  const { limit, extra } = learner;
  return limit === null || extra === 0 || held < safeCap(limit, extra)
    ? learner
    : { ...learner, extraAtMs: now };
}

/** A plain 429. */
export interface Refusal {
  readonly now: number;
  readonly sentAt: number;
  readonly retryAfterMs: number;
  /** How many of our calls of the last 30 s were let through: at the first refusal, that is the limit. */
  readonly accepted: number;
  /** The limit for which this `Retry-After` would be the time until a rolling window has room; null: no such reading. */
  readonly implied: number | null;
}

/** A call was refused with a plain 429 (performance.md, "window learner"). */
export function learnFromRefusal(learner: LearnerState, refusal: Refusal): LearnerState {
  const { now, sentAt, accepted, implied, retryAfterMs } = refusal;
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
    riseFrom: 0,
    failedRises: 0,
  };
  // A wait until the window has room costs nothing, for it is full; any other is time lost.
  const toldMs = implied === null ? retryAfterMs : 0;
  if (limit === null)
    return { ...next, limit: accepted, best: accepted, isCounted: true, riseCostMs: toldMs };
  // The attempt to rise is to blame while upstream still counts a call that it sent beyond the limit.
  const estimate = Math.min(accepted, implied ?? accepted);
  if (learner.extra > 0 && sentAt - learner.extraAtMs < WINDOW_MS && estimate >= limit * 0.9) {
    // One long wait among short ones is likely a limit that fell just then: it counts in part.
    return {
      ...next,
      best: limit + Math.floor((best - limit) * 0.7),
      riseCostMs: riseCostMs === 0 ? toldMs : Math.min(toldMs, riseCostMs * 2),
      failedRises: isRising(learner) ? 0 : learner.failedRises + 1,
    };
  }
  // The limit fell. Calls that crossed on the way make the count differ by one or so.
  const costMs = implied === null ? riseCostMs : 0;
  if (estimate < limit * 0.97 - 1) {
    const counted = Math.max(estimate, Math.floor(limit / 3), 1);
    return { ...next, limit: counted, isCounted: implied === null, riseCostMs: costMs };
  }
  if (implied !== null) {
    const lower = Math.min(estimate, limit - Math.ceil(limit / 100));
    return { ...next, limit: Math.max(1, lower), riseCostMs: costMs };
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
  if (extra === 0) return isRiseDue(next, now) ? { ...next, extra: 1, extraAtMs: 0, riseFrom: limit } : next;
  if (proven > limit) {
    const risen = { ...next, limit: proven, best: Math.max(best, proven) };
    return isRising(risen) ? { ...risen, extra: Math.max(3, Math.floor(proven / 10)) } : risen;
  }
  if (sentAt !== learner.extraAtMs || isRising(learner)) return next;
  return { ...next, extra: Math.min(extra + 1, Math.max(2, Math.floor(limit / 10))) };
}

/** The learner after a clock was set by `byMs`. */
export function shiftLearner(learner: LearnerState, byMs: number): LearnerState {
  const { refusedAtMs, extraAtMs } = learner;
  return { ...learner, refusedAtMs: refusedAtMs + byMs, extraAtMs: extraAtMs + byMs };
}

/** Calls that crossed on the way make the proof differ by a few: a little more than the limit is not yet a higher one. */
function isRising({ limit, extra, riseFrom }: LearnerState): boolean {
  return extra > 0 && (limit ?? 0) > riseFrom * 1.02 + 1;
}

function settled(learner: LearnerState, limit: number): LearnerState {
  const isFirst = learner.best === learner.limit;
  return { ...learner, limit, best: isFirst ? limit : learner.best };
}

function isRiseDue(learner: LearnerState, now: number): boolean {
  const { limit, best, refusedAtMs, okSince, riseCostMs, failedRises } = learner;
  const isFallen = (limit ?? 0) < best;
  if (now - refusedAtMs < riseCostMs * (isFallen ? RISE_COST_SHARE / 3 : RISE_COST_SHARE)) return false;
  const { first, most } = isFallen ? RISE_BACK_AFTER : RISE_AFTER;
  return okSince >= Math.min(first * 2 ** failedRises, most);
}
