import { Inject, Injectable, Logger } from '@nestjs/common';
import { telemetry } from '../common/telemetry';
import { TracksService } from '../tracks/tracks.service';
import { FetchPace } from './fetch-pace';
import { ImportStoppedError } from './import.errors';
import { ImportLedgerRepository } from './import-ledger.repository';
import type { RowResult } from './import-results.query';
import { IMPORT_CLOCK, IMPORT_TIMES, type ImportClock, type ImportTimes } from './import-times';
import { RowTally } from './row-tally';
import { type Hold, ImportTurn } from './import-turn';

const FIRST_BATCH = 16;
const MAX_BATCH = 1000;
/** Rows looked for among the stored tracks at once. */
const CHECKED_TOGETHER = 1000;
/** The source's own pace: shorter waits than this are no pause. */
const LONGEST_PACE_SECONDS = 5;
/** Limits can be lifted early: somebody raised the budget, or the source let calls through again. */
const ASKED_AGAIN_MS = 60_000;

/** Claim, do, record: works on imports turn by turn, one turn at a time in this process, the import that waited longest first. */
@Injectable()
export class ImportRunner {
  private readonly logger = new Logger(ImportRunner.name);
  private readonly pace = new FetchPace();
  private readonly batches = new Map<string, number>();
  /** Imports that cannot go on before (epoch ms). */
  private readonly resting = new Map<string, number>();
  private reported: string | null = null;
  private turns: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly ledger: ImportLedgerRepository,
    private readonly tracks: TracksService,
    @Inject(IMPORT_TIMES) private readonly times: ImportTimes,
    @Inject(IMPORT_CLOCK) private readonly clock: ImportClock,
    private readonly tally: RowTally = new RowTally(),
  ) {}

  /** Works on one import until it has no work left, or the signal is aborted: for tests and the command line. */
  async drain(importId: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && (await this.ledger.isActive(importId))) {
      if (!(await this.turn(signal, importId))) await this.clock.sleep(this.times.pollMs, signal);
    }
  }

  /**
   * One turn: a batch of rows of the import that is due, or of `only`. False where nothing was due.
   * @throws Error of the database
   */
  async turn(signal: AbortSignal, only?: string): Promise<boolean> {
    const before = this.turns;
    const mine = before.then(() => (signal.aborted ? false : this.turnNow(signal, only)));
    this.turns = mine.catch(() => undefined);
    return mine;
  }

  private async turnNow(signal: AbortSignal, only?: string): Promise<boolean> {
    const now = this.clock.now();
    for (const [id, untilMs] of this.resting) {
      const leftMs = untilMs - now.getTime();
      // Nothing rests longer: the clock was set back since.
      if (leftMs <= 0 || leftMs > LONGEST_PACE_SECONDS * 1000) this.resting.delete(id);
    }
    const turn = await this.ledger.findTurn(now, { only, except: [...this.resting.keys()] });
    if (turn === null) return false;
    const { importId, checkedLine } = turn;
    try {
      if (checkedLine !== null) await this.checkStored(importId, checkedLine);
      else return await this.work(importId, signal);
    } catch (error) {
      if (!(error instanceof ImportStoppedError)) throw error; // cancelled meanwhile
    }
    return true;
  }

  /** Before any call is made, all rows that need none are settled: so what is left is what the source is needed for. */
  private async checkStored(importId: string, checkedLine: number): Promise<void> {
    const rows = await this.ledger.listUnchecked(importId, checkedLine, CHECKED_TOGETHER);
    const isrcs = rows.map(({ isrc }) => isrc);
    const stored = await this.tracks.findStored(isrcs);
    const missed = await this.tracks.findRecentMisses(isrcs);
    const results = rows.flatMap(({ line, isrc }): RowResult[] => {
      if (stored.has(isrc)) return [{ line, status: 'existing', problem: null }];
      return missed.has(isrc) ? [{ line, status: 'not-found', problem: null }] : [];
    });
    const isLast = rows.length < CHECKED_TOGETHER;
    const checked = isLast ? null : (rows.at(-1)?.line ?? null);
    await this.ledger.settleUnclaimed(importId, results, checked, this.clock.now());
    this.tally.addAll(results);
  }

  private async work(importId: string, signal: AbortSignal): Promise<boolean> {
    const { ledger, tracks, pace, times, clock, tally } = this;
    const limit = this.batches.get(importId) ?? FIRST_BATCH;
    const claim = await ledger.claim(importId, { limit, leaseMs: times.leaseMs, now: clock.now() });
    if (claim === null || claim.rows.length === 0) {
      this.batches.delete(importId);
      // Others have the rest, or it has to wait.
      if (claim !== null) this.rest(importId, times.pollMs);
      return false;
    }
    const startedMs = performance.now();
    const onDefect = (error: unknown) => {
      this.logger.error({ err: error }, `${importId}: a recording could not be stored`);
      this.reportOnce(importId, error);
    };
    const turn = new ImportTurn({ ledger, tracks, pace, times, clock, tally, onDefect }, claim, signal);
    const hold = await telemetry.follow(
      {
        name: 'import turn',
        kind: 'internal',
        attributes: { 'deadwax.import.id': importId, 'deadwax.import.rows': claim.rows.length },
      },
      () => turn.run(),
    );
    if (hold !== null) await this.hold(importId, hold);
    else this.learnBatch(importId, claim.rows.length, limit, performance.now() - startedMs);
    return true;
  }

  /** A defect that meets a million rows is one event for each import, not one for each row. */
  private reportOnce(importId: string, error: unknown): void {
    if (this.reported === importId) return;
    this.reported = importId;
    telemetry.report(error, { job: 'import' });
  }

  private async hold(importId: string, { seconds, isFault }: Hold): Promise<void> {
    this.batches.set(importId, 1);
    if (seconds <= LONGEST_PACE_SECONDS) {
      this.rest(importId, seconds * 1000);
      return;
    }
    const nowMs = this.clock.now().getTime();
    const resumesAtMs = nowMs + seconds * 1000;
    // To ask whether a limit is lifted costs no call; to meet a fault again costs some.
    const wakeAtMs = isFault ? resumesAtMs : Math.min(resumesAtMs, nowMs + ASKED_AGAIN_MS);
    await this.ledger.pause(importId, new Date(resumesAtMs), new Date(wakeAtMs));
    this.logger.debug(`${importId} is paused: the source cannot be asked for ${Math.ceil(seconds)} s`);
  }

  private rest(importId: string, ms: number): void {
    this.resting.set(importId, this.clock.now().getTime() + ms);
  }

  private learnBatch(importId: string, done: number, limit: number, tookMs: number): void {
    const { turnMs } = this.times;
    if (tookMs > 2 * turnMs) this.batches.set(importId, Math.max(1, Math.floor(limit / 2)));
    else if (tookMs < turnMs / 2 && done === limit)
      this.batches.set(importId, Math.min(MAX_BATCH, limit * 2));
  }
}
