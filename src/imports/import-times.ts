import { setTimeout as sleep } from 'node:timers/promises';

/** How often and how long; milliseconds. */
export interface ImportTimes {
  /** How long a claim holds without a sign of life: what a worker that was killed had is taken up after this. */
  readonly leaseMs: number;
  /** How often a worker looks whether its import was cancelled. */
  readonly watchMs: number;
  /** Results are recorded together, but none waits longer. */
  readonly flushMs: number;
  /** How often a worker without work looks for some. */
  readonly pollMs: number;
  /** What a turn should take, so that every import gets its next one soon. */
  readonly turnMs: number;
}

/** What the workers of imports know of time: theirs, or a test's. */
export interface ImportClock {
  now(): Date;
  /** Ends early, without an error, when the signal does. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const IMPORT_TIMES = Symbol('times of imports');
export const IMPORT_CLOCK = Symbol('clock of imports');

export const USUAL_TIMES: ImportTimes = {
  leaseMs: 12_000,
  watchMs: 400,
  flushMs: 500,
  pollMs: 500,
  turnMs: 1_000,
};

export const SYSTEM_CLOCK: ImportClock = {
  now: () => new Date(),
  sleep: async (ms, signal) => {
    await sleep(ms, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
  },
};
