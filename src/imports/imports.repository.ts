import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { Brackets, DataSource, type EntityManager, In, LessThan, LessThanOrEqual, MoreThan } from 'typeorm';
import { z } from 'zod';
import { decodeCursor, type Page, toPage } from '../common/page';
import { inTransaction, type Transaction } from '../common/transaction';
import { ImportRow } from './entities/import-row.entity';
import { Import } from './entities/import.entity';
import { insertImportRows } from './import-rows.query';
import {
  ACTIVE_STATES,
  type Counts,
  ENDED_STATES,
  IMPORT_STATUSES,
  noCounts,
  type RowStatus,
} from './import-states';
import type { JudgedRow } from './intake/judged-row';

interface PageRequest {
  readonly limit: number;
  readonly cursor: string | undefined;
}

const storable = (length: number) =>
  z
    .string()
    .max(length)
    .regex(/^[^\0]*$/);
const importKey = z.tuple([z.number().int(), storable(20)]);
const rowKey = z.tuple([z.number().int().min(0)]);

const ROWS_A_TRANSACTION = 1000;
/** Imports removed in one sweep. */
const DROPPED_TOGETHER = 10;
const NEVER = new Date(0);

/** Imports as their callers see them: accepted, listed, read, cancelled, taken up again. Their work is in the ledger. */
@Injectable()
export class ImportsRepository {
  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  /** Makes an import that nobody sees yet. */
  async begin(given: Pick<Import, 'id' | 'shouldRefresh' | 'createdBy'>, now: Date): Promise<void> {
    await this.dataSource.manager.insert(Import, {
      ...given,
      ...noCounts(),
      state: 'receiving',
      total: 0,
      checkedLine: 0,
      fence: 0,
      revision: 1,
      pace: [],
      createdAt: now,
      startedAt: null,
      finishedAt: null,
      resumesAt: null,
      wakeAt: now,
      servedAt: now,
      progressAt: now,
    });
  }

  /** Adds at most 1,000 rows to an import that is being received. */
  async addRows(importId: string, rows: readonly JudgedRow[]): Promise<void> {
    await insertImportRows(
      this.dataSource.manager,
      rows.map(({ line, input, isrc, status, problem }) => ({
        importId,
        line,
        input,
        isrc,
        status,
        problem,
        attempts: 0,
        fence: 0,
        freeAt: NEVER,
      })),
    );
  }

  /** Tells that the upload still comes in. False where it was given up for dead. */
  async touch(id: string, now: Date): Promise<boolean> {
    const { affected } = await this.dataSource.manager.update(
      Import,
      { id, state: 'receiving' },
      { servedAt: now },
    );
    return affected === 1;
  }

  /**
   * Makes what was received an import, in one statement: from now on it is there, with all its rows.
   * @param record runs in the same transaction
   * @returns false where it was given up for dead meanwhile
   */
  accept(
    id: string,
    { counts, total, isDone, now }: { counts: Counts; total: number; isDone: boolean; now: Date },
    record: (accepted: Import, transaction: Transaction) => Promise<void>,
  ): Promise<boolean> {
    return inTransaction(this.dataSource, async (manager) => {
      const { affected } = await manager.update(
        Import,
        { id, state: 'receiving' },
        {
          ...counts,
          total,
          state: isDone ? 'completed' : 'queued',
          startedAt: isDone ? now : null,
          finishedAt: isDone ? now : null,
          createdAt: now,
          servedAt: NEVER, // before all that had a turn
          wakeAt: now,
          progressAt: now,
        },
      );
      if (affected !== 1) return false;
      await record(await manager.findOneByOrFail(Import, { id }), manager);
      return true;
    });
  }

  /**
   * Takes finished imports that ended before this moment out of everybody's sight, a few at a time; `drop` removes them.
   * @returns their ids
   */
  async retire(before: Date): Promise<string[]> {
    const { manager } = this.dataSource;
    const found = await manager.find(Import, {
      select: { id: true, state: true },
      where: { state: In([...ENDED_STATES]), finishedAt: LessThan(before) },
      take: DROPPED_TOGETHER,
    });
    const retired: string[] = [];
    for (const { id, state } of found) {
      // Somebody may have taken it up again.
      const { affected } = await manager.update(Import, { id, state }, { state: 'dropped' });
      if (affected === 1) retired.push(id);
    }
    return retired;
  }

  /** Removes an import that nobody sees, with its rows, in small transactions. What is accepted and not retired stays. */
  async drop(id: string, signal?: AbortSignal): Promise<void> {
    const { manager } = this.dataSource;
    const unseen = { id, state: In(['receiving', 'dropped']) };
    const { affected } = await manager.update(Import, unseen, { state: 'dropped' });
    if (affected !== 1) return;
    while (signal?.aborted !== true) {
      const lines = await manager.find(ImportRow, {
        select: { line: true },
        where: { importId: id },
        order: { line: 'ASC' },
        take: ROWS_A_TRANSACTION,
      });
      const last = lines.at(-1);
      if (last === undefined) {
        await manager.delete(Import, { id, state: 'dropped' });
        return;
      }
      await inTransaction(this.dataSource, (each) =>
        each.delete(ImportRow, { importId: id, line: LessThanOrEqual(last.line) }),
      );
    }
  }

  /** Uploads that broke off without anybody cleaning up: nothing came since. */
  async listAbandoned(before: Date): Promise<string[]> {
    const rows = await this.dataSource.manager.find(Import, {
      select: { id: true },
      where: { state: In(['receiving', 'dropped']), servedAt: LessThan(before) },
      take: DROPPED_TOGETHER,
    });
    return rows.map(({ id }) => id);
  }

  findImport(id: string): Promise<Import | null> {
    return this.dataSource.manager.findOneBy(Import, { id, state: In([...IMPORT_STATUSES]) });
  }

  /** Newest first. */
  async listImports({ limit, cursor }: PageRequest): Promise<Page<Import>> {
    const query = this.dataSource
      .createQueryBuilder(Import, 'import')
      .where('import.state IN (:...states)', { states: IMPORT_STATUSES })
      .orderBy('import.createdAt', 'DESC')
      .addOrderBy('import.id', 'DESC')
      .limit(limit + 1);
    if (cursor !== undefined) {
      const [atMs, id] = decodeCursor('imports', cursor, importKey);
      query.andWhere('import.created_at_ms <= :atMs AND (import.created_at_ms < :atMs OR import.id < :id)', {
        atMs,
        id,
      });
    }
    return toPage(
      await query.getMany(),
      limit,
      'imports',
      ({ createdAt, id }) => [createdAt.getTime(), id],
      (each) => each,
    );
  }

  /** In the order of the file. */
  async listRows(
    importId: string,
    status: RowStatus | null,
    { limit, cursor }: PageRequest,
  ): Promise<Page<ImportRow>> {
    const list = `rows of ${importId} ${status ?? ''}`;
    const after = cursor === undefined ? 0 : decodeCursor(list, cursor, rowKey)[0];
    const rows = await this.readRows(importId, status, after, limit + 1);
    return toPage(
      rows,
      limit,
      list,
      ({ line }) => [line],
      (row) => row,
    );
  }

  /** Rows after a line, in the order of the file. */
  readRows(
    importId: string,
    status: RowStatus | null,
    afterLine: number,
    limit: number,
  ): Promise<ImportRow[]> {
    return this.dataSource.manager.find(ImportRow, {
      where: { importId, line: MoreThan(afterLine), ...(status === null ? {} : { status }) },
      order: { line: 'ASC' },
      take: limit,
    });
  }

  /** Stops an import that has work left. False where it has none. */
  async cancel(id: string, now: Date): Promise<boolean> {
    const { affected } = await this.dataSource
      .createQueryBuilder()
      .update(Import)
      .set({ state: 'cancelled', finishedAt: now, resumesAt: null, revision: () => 'revision + 1' })
      .where('id = :id AND state IN (:...states)', { id, states: ACTIVE_STATES })
      .execute();
    return affected === 1;
  }

  /** Takes failed rows up again, and what a cancelled import left; whatever ends in between, all that is done stays right. */
  async retry(id: string, now: Date): Promise<void> {
    for (;;) {
      const rows = await this.readRows(id, 'failed', 0, ROWS_A_TRANSACTION);
      if (rows.length === 0) break;
      const lines = rows.map(({ line }) => line);
      await inTransaction(this.dataSource, async (manager) => {
        const { affected = 0 } = await manager.update(
          ImportRow,
          { importId: id, line: In(lines), status: 'failed' },
          { status: 'pending', attempts: 0, fence: 0, freeAt: NEVER, problem: null },
        );
        const taken = affected;
        await manager
          .createQueryBuilder()
          .update(Import)
          .set({ failed: () => `failed - ${taken}`, revision: () => 'revision + 1' })
          .where({ id })
          .execute();
        await this.reopen(manager, id, now);
      });
    }
    await inTransaction(this.dataSource, (manager) => this.reopen(manager, id, now));
  }

  /** One that ended with rows left has work again. */
  private async reopen(manager: EntityManager, id: string, now: Date): Promise<void> {
    await manager
      .createQueryBuilder()
      .update(Import)
      .set({
        state: 'queued',
        finishedAt: null,
        resumesAt: null,
        checkedLine: 0,
        pace: [],
        wakeAt: now,
        progressAt: now,
        revision: () => 'revision + 1',
      })
      .where('id = :id AND state IN (:...ended)', { id, ended: ENDED_STATES })
      .andWhere(
        new Brackets((left) =>
          left.where('total > created + existing + refreshed + duplicate + not_found + invalid + failed'),
        ),
      )
      .execute();
  }
}
