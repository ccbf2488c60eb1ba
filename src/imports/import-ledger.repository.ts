import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { Brackets, DataSource, type EntityManager, In, MoreThan } from 'typeorm';
import { inTransaction, type Transaction } from '../common/transaction';
import type { Isrc } from '../recording/isrc';
import { ImportRow } from './entities/import-row.entity';
import { Import } from './entities/import.entity';
import { ClaimLostError, ImportStoppedError } from './import.errors';
import { addSample } from './import-pace';
import { ACTIVE_STATES, COUNTED_AS, countProcessed, type FinalStatus } from './import-states';
import { MAX_ATTEMPTS } from './row-outcome';

/** A row that a worker has for a while. */
export interface ClaimedRow {
  readonly line: number;
  readonly isrc: Isrc;
  /** This time included. */
  readonly attempts: number;
}

/** Rows that this worker alone may record anything of, until its lease ends. */
export interface Claim {
  readonly importId: string;
  readonly shouldRefresh: boolean;
  readonly fence: number;
  readonly rows: readonly ClaimedRow[];
}

/** What became of a row. */
export interface RowResult {
  readonly line: number;
  readonly status: FinalStatus;
  readonly problem: string | null;
}

/** A turn that is due: which import, and what is the next to do for it. */
export interface Turn {
  readonly importId: string;
  /** The last line that was looked for among the stored tracks; null where nothing is to be looked for any more. */
  readonly checkedLine: number | null;
}

/** Every row was looked at. */
const ALL_CHECKED = 2_147_483_647;
/** A row that was lost once is claimed with few others, one that was lost twice alone: whoever kills its worker is found so. */
const SUSPECTS_TOGETHER = 16;
/** No lease and no delay of a row is ever longer: what lies beyond was written by a clock that was wrong. */
const LONGEST_ROW_WAIT_MS = 60_000;
/** The same of imports. */
const LONGEST_WAKE_MS = 15 * 60_000;
const SET_ASIDE = `internal: ${MAX_ATTEMPTS} workers stopped while they had this row`;

/**
 * The work of imports: rows are claimed by a conditional UPDATE, with a lease and a fence that grows, and what becomes of them is
 * recorded only under that fence, in the transaction of the effect. Times are of the callers' clocks; a clock that is wrong costs
 * time, and never an effect.
 */
@Injectable()
export class ImportLedgerRepository {
  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  /** The import that has waited longest for a turn; null where none is due. */
  async findTurn(
    now: Date,
    { only, except }: { only?: string | undefined; except: readonly string[] },
  ): Promise<Turn | null> {
    const query = this.dataSource
      .createQueryBuilder(Import, 'import')
      .where('import.state IN (:...states)', { states: ACTIVE_STATES })
      .andWhere(isDue('import.wake_at_ms', now, LONGEST_WAKE_MS))
      .orderBy('import.servedAt', 'ASC')
      .addOrderBy('import.id', 'ASC')
      .limit(1);
    if (only !== undefined) query.andWhere('import.id = :only', { only });
    if (except.length > 0) query.andWhere('import.id NOT IN (:...except)', { except });
    const found = await query.getOne();
    if (found === null) return null;
    const { id, shouldRefresh, checkedLine } = found;
    // What is fetched anew is fetched whether stored or not.
    return { importId: id, checkedLine: shouldRefresh || checkedLine === ALL_CHECKED ? null : checkedLine };
  }

  /** Imports that have work that is due, in the order of their turns. */
  async listDue(now: Date): Promise<string[]> {
    const found = await this.dataSource
      .createQueryBuilder(Import, 'import')
      .select('import.id', 'id')
      .where('import.state IN (:...states)', { states: ACTIVE_STATES })
      .andWhere(isDue('import.wake_at_ms', now, LONGEST_WAKE_MS))
      .orderBy('import.served_at_ms', 'ASC')
      .limit(100)
      .getRawMany<{ id: string }>();
    return found.map(({ id }) => id);
  }

  async isActive(importId: string): Promise<boolean> {
    return this.dataSource.manager.existsBy(Import, { id: importId, state: In([...ACTIVE_STATES]) });
  }

  /** Rows whose codes were not yet looked for among the stored tracks, in order; none once all were. */
  async listUnchecked(
    importId: string,
    checkedLine: number,
    limit: number,
  ): Promise<{ line: number; isrc: Isrc }[]> {
    const rows = await this.dataSource.manager.find(ImportRow, {
      select: { line: true, isrc: true },
      where: { importId, status: 'pending', line: MoreThan(checkedLine) },
      order: { line: 'ASC' },
      take: limit,
    });
    return rows.flatMap(({ line, isrc }) => (isrc === null ? [] : [{ line, isrc }]));
  }

  /**
   * Records rows that nobody has claimed, and that all before `checkedLine` were looked at (null: all there are). Rows that were
   * claimed or recorded meanwhile stay as they are.
   */
  settleUnclaimed(
    importId: string,
    results: readonly RowResult[],
    checkedLine: number | null,
    now: Date,
  ): Promise<void> {
    return inTransaction(this.dataSource, async (manager) => {
      const settled = await this.write(manager, importId, 0, results);
      await this.count(manager, importId, settled, now, {
        checkedLine: () => raised('checked_line', checkedLine ?? ALL_CHECKED),
        servedAt: now,
      });
    });
  }

  /**
   * Claims up to `limit` rows of an import for a worker; null where it has no work any more. Rows that were lost with their workers
   * are claimed apart from the others, and those that were lost too often are set aside as failed.
   */
  claim(
    importId: string,
    { limit, leaseMs, now }: { limit: number; leaseMs: number; now: Date },
  ): Promise<Claim | null> {
    return inTransaction(this.dataSource, async (manager) => {
      const active = { id: importId, states: ACTIVE_STATES };
      // First of all, so that those who claim from one import do so one after the other.
      const { affected } = await manager
        .createQueryBuilder()
        .update(Import)
        .set({ fence: () => 'fence + 1', servedAt: now })
        .where('id = :id AND state IN (:...states)', active)
        .execute();
      if (affected !== 1) return null;
      const owner = await manager.findOneByOrFail(Import, { id: importId });
      const candidates = await manager
        .createQueryBuilder(ImportRow, 'row')
        .where('row.import_id = :importId AND row.status = :pending', { importId, pending: 'pending' })
        .andWhere(isDue('row.free_at_ms', now, LONGEST_ROW_WAIT_MS))
        .orderBy('row.line', 'ASC')
        .limit(limit)
        .getMany();
      const spent = candidates.filter(({ fence, attempts }) => fence > 0 && attempts >= MAX_ATTEMPTS);
      await this.setAside(manager, importId, spent, now);
      const rows = chooseRows(candidates.filter((row) => !spent.includes(row)));
      const claim = { importId, shouldRefresh: owner.shouldRefresh, fence: owner.fence };
      if (rows.length === 0) return { ...claim, rows: [] };
      if (owner.state === 'queued') await this.start(manager, owner, now);
      await manager
        .createQueryBuilder()
        .update(ImportRow)
        .set({
          fence: owner.fence,
          attempts: () => 'attempts + 1',
          freeAt: new Date(now.getTime() + leaseMs),
        })
        .where({ importId, line: In(rows.map(({ line }) => line)), status: 'pending' })
        .andWhere(isDue('free_at_ms', now, LONGEST_ROW_WAIT_MS))
        .execute();
      const won = await manager.findBy(ImportRow, {
        importId,
        line: In(rows.map(({ line }) => line)),
        status: 'pending',
        fence: owner.fence,
      });
      return {
        ...claim,
        rows: won.flatMap(({ line, isrc, attempts }) => (isrc === null ? [] : [{ line, isrc, attempts }])),
      };
    });
  }

  /** Lengthens the lease on rows, as far as they are still held. */
  async renew({ importId, fence }: Claim, lines: readonly number[], leaseUntil: Date): Promise<void> {
    if (lines.length === 0) return;
    await this.dataSource.manager.update(
      ImportRow,
      { importId, line: In([...lines]), fence, status: 'pending' },
      { freeAt: leaseUntil },
    );
  }

  /** Which of the claimed rows are still held, and not recorded. */
  async listHeld({ importId, fence, rows }: Claim): Promise<ReadonlySet<number>> {
    const held = await this.dataSource.manager.find(ImportRow, {
      select: { line: true },
      where: { importId, line: In(rows.map(({ line }) => line)), fence, status: 'pending' },
    });
    return new Set(held.map(({ line }) => line));
  }

  /**
   * Records what became of claimed rows, at most 1,000 at once, in the transaction of the effect or in one of their own.
   * @throws ClaimLostError where one of them is another worker's by now, ImportStoppedError where the import was cancelled: the
   * transaction must not be committed
   */
  async settle(
    claim: Claim,
    results: readonly RowResult[],
    now: Date,
    transaction?: Transaction,
  ): Promise<void> {
    const record = async (manager: EntityManager) => {
      const settled = await this.write(manager, claim.importId, claim.fence, results);
      if (settled.length !== results.length) throw new ClaimLostError();
      await this.count(manager, claim.importId, settled, now, { state: 'running', resumesAt: null });
    };
    if (transaction !== undefined) await record(transaction);
    else await inTransaction(this.dataSource, record);
  }

  /** Hands claimed rows back; those that are lost already stay where they are. `isSpent`: the attempt counts. */
  async release(
    { importId, fence }: Claim,
    lines: readonly number[],
    { freeAt, isSpent }: { freeAt: Date; isSpent: boolean },
  ): Promise<void> {
    if (lines.length === 0) return;
    await inTransaction(this.dataSource, (manager) =>
      manager
        .createQueryBuilder()
        .update(ImportRow)
        .set({ fence: 0, freeAt, ...(isSpent ? {} : { attempts: () => 'attempts - 1' }) })
        .where({ importId, line: In([...lines]), fence, status: 'pending' })
        .execute(),
    );
  }

  /** Notes that the source holds an import; it is tried again at `wakeAt`, since limits can be lifted early. */
  async pause(importId: string, resumesAt: Date, wakeAt: Date): Promise<void> {
    await this.dataSource
      .createQueryBuilder()
      .update(Import)
      .set({ state: 'paused', resumesAt, wakeAt, pace: [], revision: () => 'revision + 1' })
      .where('id = :id AND state IN (:...states)', { id: importId, states: ACTIVE_STATES })
      .execute();
  }

  private async start(manager: EntityManager, { id, ...owner }: Import, now: Date): Promise<void> {
    await manager.update(
      Import,
      { id },
      {
        state: 'running',
        startedAt: owner.startedAt ?? now,
        pace: [[now.getTime(), countProcessed(owner)]],
        revision: owner.revision + 1,
      },
    );
  }

  private async setAside(
    manager: EntityManager,
    importId: string,
    rows: readonly ImportRow[],
    now: Date,
  ): Promise<void> {
    for (const { line, fence } of rows) {
      const settled = await this.write(manager, importId, fence, [
        { line, status: 'failed', problem: SET_ASIDE },
      ]);
      await this.count(manager, importId, settled, now, {});
    }
  }

  /** Writes results to rows that are pending under this fence; tells which were. */
  private async write(
    manager: EntityManager,
    importId: string,
    fence: number,
    results: readonly RowResult[],
  ): Promise<FinalStatus[]> {
    const settled: FinalStatus[] = [];
    const alike = new Map<string, RowResult[]>();
    for (const result of results) {
      const key = `${result.status} ${result.problem ?? ''}`;
      alike.set(key, [...(alike.get(key) ?? []), result]);
    }
    for (const same of alike.values()) {
      const [first] = same;
      if (first === undefined) continue;
      const { affected } = await manager.update(
        ImportRow,
        { importId, line: In(same.map(({ line }) => line)), fence, status: 'pending' },
        { status: first.status, problem: first.problem, fence: 0 },
      );
      for (let each = 0; each < (affected ?? 0); each += 1) settled.push(first.status);
    }
    return settled;
  }

  /**
   * Counts rows that became something, and ends the import with the last of them. Comes last in its transaction: from here on the
   * import is held.
   */
  private async count(
    manager: EntityManager,
    importId: string,
    settled: readonly FinalStatus[],
    now: Date,
    more: Record<string, unknown>,
  ): Promise<void> {
    const sums = new Map<string, number>();
    for (const status of settled) sums.set(COUNTED_AS[status], (sums.get(COUNTED_AS[status]) ?? 0) + 1);
    const { driver } = this.dataSource;
    const columnOf = (property: string) =>
      driver.escape(
        this.dataSource.getMetadata(Import).findColumnWithPropertyName(property)?.databaseName ?? property,
      );
    const counted = Object.fromEntries(
      [...sums].map(([name, sum]) => [name, () => `${columnOf(name)} + ${sum}`]),
    );
    const { affected } = await manager
      .createQueryBuilder()
      .update(Import)
      .set({
        ...counted,
        ...(settled.length > 0 ? { progressAt: now } : {}),
        revision: () => 'revision + 1',
        ...more,
      })
      .where('id = :id AND state IN (:...states)', { id: importId, states: ACTIVE_STATES })
      .execute();
    if (affected !== 1) throw new ImportStoppedError();
    const owner = await manager.findOneByOrFail(Import, { id: importId });
    const processed = countProcessed(owner);
    const begun =
      owner.pace.length > 0 ? owner.pace : addSample([], now.getTime(), processed - settled.length);
    const pace = addSample(begun, now.getTime(), processed);
    const isDone = processed === owner.total;
    const isQueued = owner.state === 'queued' && settled.length > 0;
    if (!isDone && !isQueued && pace.at(-1)?.[0] === owner.pace.at(-1)?.[0]) return;
    const startedAt = owner.startedAt ?? now;
    await manager.update(
      Import,
      { id: importId },
      {
        pace,
        ...(isQueued ? { state: 'running', startedAt } : {}),
        ...(isDone ? { state: endOf(owner), startedAt, finishedAt: now, resumesAt: null } : {}),
      },
    );
  }
}

/** An import that failed in every row that it tried has failed. */
function endOf({ failed, created, existing, refreshed, notFound }: Import): 'completed' | 'failed' {
  return failed > 0 && created + existing + refreshed + notFound === 0 ? 'failed' : 'completed';
}

/** Those that were never lost, together; else a few that were lost once, or one that was lost more often. */
function chooseRows(candidates: readonly ImportRow[]): ImportRow[] {
  const lost = candidates.filter(({ fence }) => fence > 0);
  if (lost.length === 0) return [...candidates];
  const once = lost.filter(({ attempts }) => attempts <= 1);
  if (once.length > 0) return once.slice(0, SUSPECTS_TOGETHER);
  // At random: else whatever ends workers from outside would always meet the same row.
  return lost.slice(0, 1).map((first) => lost[Math.floor(Math.random() * lost.length)] ?? first);
}

function isDue(column: string, now: Date, longestMs: number): Brackets {
  const nowMs = now.getTime();
  return new Brackets((due) =>
    due
      .where(`${column} <= :dueMs`, { dueMs: nowMs })
      .orWhere(`${column} > :wrongMs`, { wrongMs: nowMs + longestMs }),
  );
}

function raised(column: string, value: number): string {
  return `CASE WHEN ${column} < ${value} THEN ${value} ELSE ${column} END`;
}
