import { Injectable } from '@nestjs/common';
import { randomBytes } from 'node:crypto';
import { type Caller, callerIdOf } from '../auth/caller';
import type { Page } from '../common/page';
import { Places } from '../common/places';
import type { Transaction } from '../common/transaction';
import { fingerprintOf } from '../idempotency/idempotency-key';
import {
  answerAgain,
  IdempotencyService,
  type IdempotentRun,
  stillRunning,
} from '../idempotency/idempotency.service';
import type { StoredAnswer } from '../idempotency/sealed-answer';
import type { ImportView } from './dto/import.view';
import type { ImportRow } from './entities/import-row.entity';
import type { Import } from './entities/import.entity';
import { ImportConflictError, ImportNotFoundError } from './import.errors';
import { ImportIntake, type Received } from './import-intake';
import { ImportLoop } from './import-loop';
import { ImportProgress } from './import-progress';
import { ImportsRepository } from './imports.repository';
import { type RowStatus } from './import-states';
import type { FileRow } from './intake/file-row';
import { openUpload, type Upload } from './intake/upload';

interface PageRequest {
  readonly limit: number;
  readonly cursor: string | undefined;
}

/** How an import is to be made. */
export interface ImportWish {
  /** Fetch stored tracks anew. */
  readonly shouldRefresh: boolean;
  readonly createdBy: string;
}

const OPERATION = 'POST /v1/imports';
const ROWS_READ_TOGETHER = 500;
const MAX_CREATED_BY = 255;
/** Of this process, at once: an upload of a million rows holds its codes in memory, and writes all the while. */
const UPLOADS = { all: 16, each: 4, what: 'uploads', retryAfterSeconds: 10 };
/** Those that were received before are read for their fingerprint alone. */
const REPEATED_UPLOADS = { all: 128, each: 64, what: 'repeated uploads', retryAfterSeconds: 10 };

/**
 * Imports as their callers see them. There is one organisation: whoever may read imports reads all, and whoever may write them may
 * cancel any.
 */
@Injectable()
export class ImportsService {
  private readonly uploads = new Places(UPLOADS);
  private readonly repeated = new Places(REPEATED_UPLOADS);

  constructor(
    private readonly imports: ImportsRepository,
    private readonly intake: ImportIntake,
    private readonly progress: ImportProgress,
    private readonly idempotency: IdempotencyService,
    private readonly loop: ImportLoop,
  ) {}

  /**
   * Makes an import of an upload, all of it or nothing.
   * @param key `Idempotency-Key`; null without one
   * @throws AppError `rate-limited` or `overloaded` where too many are on their way, `invalid-request`, `unsupported-media-type`, `payload-too-large`, `conflict`, `idempotency-key-reused`
   */
  async startUpload(
    caller: Caller,
    upload: Upload,
    { shouldRefresh, key }: { shouldRefresh: boolean; key: string | null },
  ): Promise<{ answer: StoredAnswer; isReplay: boolean }> {
    const opened = openUpload(upload); // refused before the key is taken
    const print = () => fingerprintOf([opened.fingerprint(), upload.column, shouldRefresh]);
    const claim = key === null ? null : await this.idempotency.claim(callerIdOf(caller), OPERATION, key);
    if (claim?.kind === 'running') throw stillRunning(claim.retryAfterSeconds);
    if (claim?.kind === 'done') {
      const leave = this.repeated.take(callerIdOf(caller));
      await readToTheEnd(opened.rows).finally(leave);
      return { answer: answerAgain(claim, print()), isReplay: true };
    }
    const run: IdempotentRun | null = claim?.run ?? null;
    try {
      const leave = this.uploads.take(callerIdOf(caller));
      const wish = { shouldRefresh, createdBy: caller.subject };
      const answer = await this.receive(opened.rows, wish, async (transaction, given) => {
        await run?.complete(transaction, print(), given);
      }).finally(leave);
      return { answer, isReplay: false };
    } catch (error) {
      await run?.abandon();
      throw error;
    }
  }

  /** Makes an import of a list: its rows are known by their places, from 1. */
  async startList(isrcs: readonly string[], wish: ImportWish): Promise<ImportView> {
    const rows = async function* (): AsyncGenerator<FileRow[]> {
      await Promise.resolve(); // a list comes in time, as files do
      yield isrcs.map((input, at) => ({ line: at + 1, input }));
    };
    return (await this.receive(rows(), wish, () => Promise.resolve())).body as ImportView;
  }

  /** Makes an import of a file: for the command line. */
  async startFile(upload: Upload, wish: ImportWish): Promise<ImportView> {
    const { rows } = openUpload(upload);
    return (await this.receive(rows, wish, () => Promise.resolve())).body as ImportView;
  }

  /** @throws ImportNotFoundError */
  async getImport(id: string): Promise<ImportView> {
    return this.progress.describe(await this.get(id));
  }

  /** With its revision, which grows with each change. @throws ImportNotFoundError */
  async getRevision(id: string): Promise<{ revision: number; view: ImportView }> {
    const found = await this.get(id);
    return { revision: found.revision, view: await this.progress.describe(found) };
  }

  /** Newest first. */
  async listImports(page: PageRequest): Promise<Page<ImportView>> {
    const { items, nextCursor } = await this.imports.listImports(page);
    return { items: await Promise.all(items.map((each) => this.progress.describe(each))), nextCursor };
  }

  /** In the order of the file. @throws ImportNotFoundError */
  async listRows(id: string, status: RowStatus | null, page: PageRequest): Promise<Page<ImportRow>> {
    await this.get(id);
    return this.imports.listRows(id, status, page);
  }

  /** All rows in the order of the file, some hundred at a time, as they are when they are read. @throws ImportNotFoundError */
  async openRows(id: string): Promise<AsyncIterable<readonly ImportRow[]>> {
    await this.get(id);
    const { imports } = this;
    return (async function* () {
      for (let line = 0; ;) {
        const rows = await imports.readRows(id, null, line, ROWS_READ_TOGETHER);
        if (rows.length > 0) yield rows;
        if (rows.length < ROWS_READ_TOGETHER) return;
        line = rows.at(-1)?.line ?? line;
      }
    })();
  }

  /**
   * Stops it, and keeps what is done. One that is cancelled already stays so.
   * @throws ImportNotFoundError, ImportConflictError where it has finished
   */
  async cancel(id: string): Promise<ImportView> {
    const isNew = await this.imports.cancel(id, new Date());
    const found = await this.get(id);
    if (!isNew && found.state !== 'cancelled')
      throw new ImportConflictError('The import has finished: there is nothing to cancel.');
    return this.progress.describe(found);
  }

  /** Takes up failed rows again, and what a cancelled import left. Where there is neither, nothing changes. @throws ImportNotFoundError */
  async retry(id: string): Promise<ImportView> {
    await this.get(id);
    await this.imports.retry(id, new Date());
    this.loop.wake();
    return this.getImport(id);
  }

  private async receive(
    rows: AsyncIterable<FileRow[]>,
    { shouldRefresh, createdBy }: ImportWish,
    record: (transaction: Transaction, answer: StoredAnswer) => Promise<void>,
  ): Promise<StoredAnswer> {
    const id = `imp_${randomBytes(8).toString('hex')}`;
    const wish = { id, shouldRefresh, createdBy: createdBy.slice(0, MAX_CREATED_BY) };
    let answer: StoredAnswer | undefined;
    await this.intake.receive(rows, wish, async (received: Received, transaction) => {
      answer = await this.answerOf(received.accepted);
      await record(transaction, answer);
    });
    this.loop.wake();
    if (answer === undefined) throw new Error('an import was accepted without an answer');
    return answer;
  }

  private async answerOf(one: Import): Promise<StoredAnswer> {
    return {
      status: 202,
      headers: { location: `/v1/imports/${one.id}` },
      body: await this.progress.describe(one),
    };
  }

  private async get(id: string): Promise<Import> {
    const found = await this.imports.findImport(id);
    if (found === null) throw new ImportNotFoundError();
    return found;
  }
}

async function readToTheEnd(rows: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of rows) {
    // What counts is the fingerprint.
  }
}
