import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, type EntityManager, In, MoreThan } from 'typeorm';
import { inTransaction, type Transaction } from '../common/transaction';
import type { Isrc } from '../recording/isrc';
import { ImportRow } from './entities/import-row.entity';
import { Import } from './entities/import.entity';
import { ClaimLostError } from './import.errors';
import {
  type Candidate,
  chooseRows,
  type ClaimedRow,
  isDue,
  isOneOf,
  listCandidates,
  LONGEST_ROW_WAIT_MS,
} from './import-claims.query';
import { endFlights, forgetFlights, renewFlights, takeFlights } from './import-flights.query';
import { countResults, type RowResult, writeResults } from './import-results.query';
import { ACTIVE_STATES, countProcessed } from './import-states';
import { MAX_ATTEMPTS } from './row-outcome';

/** Rows that this worker alone may record anything of, until its lease ends. */
export interface Claim {
  readonly importId: string;
  readonly shouldRefresh: boolean;
  /** When the import was accepted: what was fetched since need not be fetched anew. */
  readonly acceptedAt: Date;
  readonly fence: number;
  /** Until when it holds, unless it is renewed. */
  readonly leaseUntil: Date;
  readonly rows: readonly ClaimedRow[];
}

/** A turn that is due: which import, and what is the next to do for it. */
export interface Turn {
  readonly importId: string;
  /** The last line that was looked for among the stored tracks; null where nothing is to be looked for any more. */
  readonly checkedLine: number | null;
}

/** Every row was looked at. */
const ALL_CHECKED = 2_147_483_647;
/** No delay of an import is ever longer: what lies beyond was written by a clock that was wrong. */
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
      const settled = await writeResults(manager, importId, 0, results);
      const more = { raisesCheckedLine: checkedLine ?? ALL_CHECKED, servedAt: now };
      await countResults(manager, importId, settled, now, more);
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
      const candidates = await listCandidates(manager, importId, limit, now);
      const spent = candidates.filter(({ fence, attempts }) => fence > 0 && attempts >= MAX_ATTEMPTS);
      await this.setAside(manager, importId, spent, now);
      const rows = chooseRows(candidates.filter((row) => !spent.includes(row)));
      const { shouldRefresh, createdAt: acceptedAt, fence } = owner;
      const leaseUntil = new Date(now.getTime() + leaseMs);
      const claim = { importId, shouldRefresh, acceptedAt, fence, leaseUntil };
      if (rows.length === 0) return { ...claim, rows: [] };
      if (owner.state === 'queued') await this.start(manager, owner, now);
      const chosen = { importId, line: In(rows.map(({ line }) => line)), status: 'pending' as const };
      const { affected: taken } = await manager
        .createQueryBuilder()
        .update(ImportRow)
        .set({ fence: owner.fence, attempts: () => 'attempts + 1', freeAt: leaseUntil })
        .where(chosen)
        .andWhere(isDue('free_at_ms', now, LONGEST_ROW_WAIT_MS))
        .execute();
      // Some may have been recorded or renewed by those who had them.
      const left =
        taken === rows.length
          ? null
          : await manager.find(ImportRow, {
              select: { line: true },
              where: { ...chosen, fence: owner.fence },
            });
      const isWon = left === null ? () => true : isOneOf(left);
      const won = rows.filter(({ line }) => isWon(line));
      return {
        ...claim,
        rows: won.map(({ line, isrc, attempts }) => ({ line, isrc, attempts: attempts + 1 })),
      };
    });
  }

  /** Takes those of the claim's codes that no other worker, of whatever import, is asking the source for. */
  takeFlights(claim: Claim, now: Date): Promise<Set<Isrc>> {
    const isrcs = claim.rows.map(({ isrc }) => isrc).sort();
    return takeFlights(this.dataSource.manager, holderOf(claim), isrcs, { now, until: claim.leaseUntil });
  }

  /** Lets others ask for these codes. */
  endFlights(claim: Claim, isrcs: readonly Isrc[]): Promise<void> {
    return endFlights(this.dataSource.manager, holderOf(claim), isrcs);
  }

  /** Forgets flights that nobody ended and nobody asked for since. */
  forgetFlights(now: Date): Promise<void> {
    return forgetFlights(this.dataSource.manager, now);
  }

  /** Lengthens the lease on rows and on the codes that they are asked for, as far as they are still held. */
  async renew(claim: Claim, lines: readonly number[], leaseUntil: Date): Promise<void> {
    if (lines.length === 0) return;
    const { importId, fence } = claim;
    const isHeld = isOneOf(lines.map((line) => ({ line })));
    const isrcs = claim.rows.filter(({ line }) => isHeld(line)).map(({ isrc }) => isrc);
    await renewFlights(this.dataSource.manager, holderOf(claim), isrcs, leaseUntil);
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
      const settled = await writeResults(manager, claim.importId, claim.fence, results);
      if (settled.length !== results.length) throw new ClaimLostError();
      await countResults(manager, claim.importId, settled, now, { state: 'running', resumesAt: null });
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

  /** Notes that the source holds an import; it is tried again at `wakeAt`: limits can be lifted early. */
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
    rows: readonly Candidate[],
    now: Date,
  ): Promise<void> {
    for (const { line, fence } of rows) {
      const settled = await writeResults(manager, importId, fence, [
        { line, status: 'failed', problem: SET_ASIDE },
      ]);
      await countResults(manager, importId, settled, now, {});
    }
  }
}

/** The claim as those who take flights are known by. */
function holderOf({ importId, fence }: Claim): string {
  return `${importId}:${fence}`;
}
