import { Brackets, type EntityManager } from 'typeorm';
import type { Isrc } from '../recording/isrc';
import { ImportRow } from './entities/import-row.entity';

/** A row that a worker has for a while. */
export interface ClaimedRow {
  readonly line: number;
  readonly isrc: Isrc;
  /** This time included. */
  readonly attempts: number;
}

/** A row that may be claimed, as it is before. */
export interface Candidate extends ClaimedRow {
  /** More than 0: its worker was lost. */
  readonly fence: number;
}

/** A row that was lost once is claimed with few others, one that was lost twice alone: whoever kills its worker is found so. */
const SUSPECTS_TOGETHER = 16;
/** No lease and no delay of a row is ever longer: what lies beyond was written by a clock that was wrong. */
export const LONGEST_ROW_WAIT_MS = 60_000;
/** Those that were never lost, together; else a few that were lost once, or one that was lost more often. */
export function chooseRows(candidates: readonly Candidate[]): Candidate[] {
  const lost = candidates.filter(({ fence }) => fence > 0);
  if (lost.length === 0) return [...candidates];
  const once = lost.filter(({ attempts }) => attempts <= 1);
  if (once.length > 0) return once.slice(0, SUSPECTS_TOGETHER);
  // At random: else whatever ends workers from outside would always meet the same row.
  return lost.slice(0, 1).map((first) => lost[Math.floor(Math.random() * lost.length)] ?? first);
}

/** Whether a line is that of one of these rows. */
export function isOneOf(rows: readonly { readonly line: number }[]): (line: number) => boolean {
  const lines = new Set(rows.map(({ line }) => line));
  return (line) => lines.has(line);
}

/** Rows that may be claimed, in the order of the file. */
export async function listCandidates(
  manager: EntityManager,
  importId: string,
  limit: number,
  now: Date,
): Promise<Candidate[]> {
  const found = await manager
    .createQueryBuilder(ImportRow, 'row')
    .select(['row.line', 'row.isrc', 'row.attempts', 'row.fence'])
    .where('row.import_id = :importId AND row.status = :pending', { importId, pending: 'pending' })
    .andWhere(isDue('row.free_at_ms', now, LONGEST_ROW_WAIT_MS))
    .orderBy('row.line', 'ASC')
    .limit(limit)
    .getRawMany<Record<'row_line' | 'row_isrc' | 'row_attempts' | 'row_fence', unknown>>();
  return found.map((row) => ({
    line: Number(row.row_line),
    isrc: row.row_isrc as Isrc, // pending rows have one
    attempts: Number(row.row_attempts),
    fence: Number(row.row_fence),
  }));
}

/** Whether the time of `column` has come, or lies so far ahead that no clock that is right wrote it. */
export function isDue(column: string, now: Date, longestMs: number): Brackets {
  const nowMs = now.getTime();
  return new Brackets((due) =>
    due
      .where(`${column} <= :dueMs`, { dueMs: nowMs })
      .orWhere(`${column} > :wrongMs`, { wrongMs: nowMs + longestMs }),
  );
}
