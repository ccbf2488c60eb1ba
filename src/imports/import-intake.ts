import { Injectable, Logger } from '@nestjs/common';
import { setImmediate as loopTurn } from 'node:timers/promises';
import type { Transaction } from '../common/transaction';
import { AppError } from '../common/app-error';
import type { Import } from './entities/import.entity';
import { countProcessed, noCounts } from './import-states';
import { ImportsRepository } from './imports.repository';
import { type FileRow, MAX_ROWS } from './intake/file-row';
import { UnreadableUploadError, UploadTooLargeError } from './intake/import-input.errors';
import { IsrcSet } from './intake/isrc-set';
import { type JudgedRow, judgeRow } from './intake/judged-row';
import { RowTally } from './row-tally';

/** Small enough that on SQLite, which writes without a turn of the event loop, nobody waits long. */
const ROWS_WRITTEN_TOGETHER = 500;
const TOUCH_EVERY_MS = 10_000;

/** An upload that became an import. */
export interface Received {
  readonly accepted: Import;
}

/** Turns the rows of an upload into an import that nobody sees before its last row is there. */
@Injectable()
export class ImportIntake {
  private readonly logger = new Logger(ImportIntake.name);

  constructor(
    private readonly imports: ImportsRepository,
    private readonly tally: RowTally = new RowTally(),
  ) {}

  /**
   * @param accept runs in the transaction that makes it an import; it may run again where that is tried again
   * @throws UnreadableUploadError, UploadTooLargeError, and what `rows` or `accept` throw: then nothing is kept
   */
  async receive(
    rows: AsyncIterable<FileRow[]>,
    wish: Pick<Import, 'id' | 'shouldRefresh' | 'createdBy'>,
    accept: (received: Received, transaction: Transaction) => Promise<void>,
  ): Promise<void> {
    try {
      const counts = await this.write(rows, wish);
      const now = new Date();
      const isThere = await this.imports.accept(
        wish.id,
        { ...counts, now },
        async (accepted, transaction) => {
          await accept({ accepted }, transaction);
        },
      );
      if (isThere)
        for (const status of ['duplicate', 'invalid'] as const) this.tally.add(status, counts.counts[status]);
      else throw new AppError('request-timeout', 'The upload took too long and was given up.');
    } catch (error) {
      // What cannot be removed now is swept later: nobody sees it.
      await this.imports.drop(wish.id).catch((cause: unknown) => {
        this.logger.debug({ err: cause }, 'an upload that failed is swept later');
      });
      throw error;
    }
  }

  private async write(
    rows: AsyncIterable<FileRow[]>,
    wish: Pick<Import, 'id' | 'shouldRefresh' | 'createdBy'>,
  ) {
    const seen = new IsrcSet();
    const counts = noCounts();
    let total = 0;
    let batch: JudgedRow[] = [];
    let isBegun = false;
    let touchedMs = Date.now();
    const flush = async () => {
      if (!isBegun) await this.imports.begin(wish, new Date());
      isBegun = true;
      await this.imports.addRows(wish.id, batch);
      batch = [];
      await loopTurn(); // on SQLite, nothing else would give the others one
      if (Date.now() - touchedMs < TOUCH_EVERY_MS) return;
      touchedMs = Date.now();
      await this.imports.touch(wish.id, new Date());
    };
    for await (const part of rows) {
      for (const row of part) {
        if (total === MAX_ROWS)
          throw new UploadTooLargeError(`The upload has more than ${MAX_ROWS.toLocaleString('en')} rows.`);
        const judged = judgeRow(row, seen);
        if (judged.status !== 'pending') counts[judged.status] += 1;
        total += 1;
        batch.push(judged);
        if (batch.length === ROWS_WRITTEN_TOGETHER) await flush();
      }
    }
    if (total === 0) throw new UnreadableUploadError('has no row');
    if (batch.length > 0) await flush();
    return { counts, total, isDone: countProcessed(counts) === total };
  }
}
