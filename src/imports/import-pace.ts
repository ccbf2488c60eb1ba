/** How many rows were processed when (epoch ms). */
export type PaceSample = readonly [atMs: number, processed: number];

/** What the source lets background work send; null: no limit is known. */
export interface CallAllowance {
  readonly callsPerMinute: number | null;
  readonly callsPerDay: number | null;
  readonly callsLeftToday: number | null;
}

/** The rate is that of the last minute: long enough for the pauses of a paced source, short enough to be the present. */
const RATE_WINDOW_MS = 60_000;
const SAMPLE_EVERY_MS = 5_000;
/** A shorter time tells nothing of a rate. */
const LEAST_MEASURED_MS = 250;
const MINUTE_MS = 60_000;
const DAY_SECONDS = 86_400;

/** The samples with this one more, where it is due; those that the rate needs no more are dropped. */
export function addSample(samples: readonly PaceSample[], atMs: number, processed: number): PaceSample[] {
  const past = samples.filter(([at]) => at <= atMs); // a clock may have been set back
  const last = past.at(-1);
  if (last !== undefined && atMs - last[0] < SAMPLE_EVERY_MS) return past;
  const firstNeeded = past.findLastIndex(([at]) => at <= atMs - RATE_WINDOW_MS);
  return [...past.slice(Math.max(0, firstNeeded)), [atMs, processed]];
}

/** Rows a minute over the last minute, or since it began; null where that is too short to tell. */
export function ratePerMinute(
  samples: readonly PaceSample[],
  nowMs: number,
  processed: number,
): number | null {
  const past = samples.filter(([at]) => at <= nowMs);
  const base = past.findLast(([at]) => at <= nowMs - RATE_WINDOW_MS) ?? past[0];
  if (base === undefined || nowMs - base[0] < LEAST_MEASURED_MS) return null;
  return (Math.max(0, processed - base[1]) / (nowMs - base[0])) * MINUTE_MS;
}

/**
 * Seconds until the last row is done; null where nothing tells. What was measured holds until the calls of the day are used up;
 * from then on the import takes as many days as it takes, each beginning with the calls that the rolling day gives back.
 * @param rate rows a minute as measured; null: not yet
 * @param pending rows, each of which may cost a call
 * @param waitMs until the source's limit lets it go on; 0 where none holds it
 */
export function secondsLeft({
  rate,
  pending,
  waitMs,
  allowance,
}: {
  rate: number | null;
  pending: number;
  waitMs: number;
  allowance: CallAllowance;
}): number | null {
  const { callsPerMinute, callsPerDay, callsLeftToday } = allowance;
  const measured = rate === null || rate === 0 ? callsPerMinute : rate;
  const perMinute = callsPerMinute === null ? measured : Math.min(measured ?? Infinity, callsPerMinute);
  const secondsFor = (rows: number) => (perMinute === null ? 0 : (rows / perMinute) * 60);
  const waitSeconds = waitMs / 1000;
  const left = callsLeftToday ?? Infinity;
  if (callsPerDay === null || pending <= left) {
    return perMinute === null ? null : Math.ceil(waitSeconds + secondsFor(pending));
  }
  const afterToday = pending - left;
  const wholeDays = Math.ceil(afterToday / callsPerDay) - 1;
  const onLastDay = afterToday - wholeDays * callsPerDay;
  // Held by the day already: the wait is until calls come back. Else they do so a day after those that are made now.
  const firstDay = left === 0 && waitMs > 0 ? waitSeconds : DAY_SECONDS;
  return Math.ceil(firstDay + wholeDays * DAY_SECONDS + Math.min(secondsFor(onLastDay), DAY_SECONDS));
}
