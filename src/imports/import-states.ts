/** What became of a row (api.md section 5). All but `pending` are final, until somebody asks for another try. */
export const ROW_STATUSES = [
  'created',
  'existing',
  'refreshed',
  'duplicate',
  'not-found',
  'invalid',
  'failed',
  'pending',
] as const;
export type RowStatus = (typeof ROW_STATUSES)[number];
export type FinalStatus = Exclude<RowStatus, 'pending'>;

export const IMPORT_STATUSES = ['queued', 'running', 'paused', 'completed', 'cancelled', 'failed'] as const;
export type ImportStatus = (typeof IMPORT_STATUSES)[number];

/** As kept: an upload that is still being read is no import yet, and nobody sees it. */
export type ImportState = ImportStatus | 'receiving' | 'dropped';

/** Those that have work left. */
export const ACTIVE_STATES = ['queued', 'running', 'paused'] as const satisfies ImportStatus[];

/** Those that are over, until somebody takes them up again. */
export const ENDED_STATES = ['completed', 'cancelled', 'failed'] as const satisfies ImportStatus[];

/** How many rows became what; they add up to the total. */
export interface Counts {
  readonly created: number;
  readonly existing: number;
  readonly refreshed: number;
  readonly duplicate: number;
  readonly notFound: number;
  readonly invalid: number;
  readonly failed: number;
}

/** The member of `Counts`, and the column, that counts rows of a status. */
export const COUNTED_AS = {
  created: 'created',
  existing: 'existing',
  refreshed: 'refreshed',
  duplicate: 'duplicate',
  'not-found': 'notFound',
  invalid: 'invalid',
  failed: 'failed',
} as const satisfies Record<FinalStatus, keyof Counts>;

/** Rows that have become something. */
export function countProcessed(counts: Counts): number {
  return Object.values(COUNTED_AS).reduce((sum, name) => sum + counts[name], 0);
}

/** No row yet. */
export function noCounts(): Record<keyof Counts, number> {
  return { created: 0, existing: 0, refreshed: 0, duplicate: 0, notFound: 0, invalid: 0, failed: 0 };
}
