import { toAppError } from '../common/problem';
import type { ProblemSlug } from '../common/problem-catalogue';
import type { FinalStatus } from './import-states';

/** What an error of a fetch means for its row. */
export type RowOutcome =
  /** The source may not be asked now, whoever asks: the row goes back as it was, and the rest with it. */
  | { readonly kind: 'hold'; readonly seconds: number }
  /** It may go well the next time: the row goes back, and its attempt counts. */
  | { readonly kind: 'later'; readonly delayMs: number; readonly problem: string }
  /** It has been tried often enough, or will never go well. */
  | { readonly kind: 'give-up'; readonly status: Extract<FinalStatus, 'failed'>; readonly problem: string };

/** How often a row is tried, and how many workers it may take down with it. */
export const MAX_ATTEMPTS = 3;
const FIRST_DELAY_MS = 1_000;
/** Where the source says nothing of a time. */
const HOLD_SECONDS = 5;

const HOLDS: ReadonlySet<ProblemSlug> = new Set(['source-unavailable', 'database-unavailable']);
const PASSING: ReadonlySet<ProblemSlug> = new Set(['source-timeout', 'source-error', 'internal']);

/** @param attempts how often the row was claimed, this time included */
export function outcomeOf(thrown: unknown, attempts: number): RowOutcome {
  const error = toAppError(thrown);
  const problem = `${error.slug}: ${error.message}`;
  if (HOLDS.has(error.slug)) return { kind: 'hold', seconds: error.retryAfterSeconds ?? HOLD_SECONDS };
  if (!PASSING.has(error.slug) || attempts >= MAX_ATTEMPTS)
    return { kind: 'give-up', status: 'failed', problem };
  return { kind: 'later', delayMs: FIRST_DELAY_MS * 4 ** (attempts - 1), problem };
}
