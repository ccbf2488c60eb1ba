import { Inject, Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { judgeDatabaseError } from '../common/database-error';
import { telemetry } from '../common/telemetry';
import { ImportLedgerRepository } from './import-ledger.repository';
import { ImportQueue } from './import-queue';
import { ImportRunner } from './import-runner';
import { ImportSweep } from './import-sweep';
import { IMPORT_CLOCK, IMPORT_TIMES, type ImportClock, type ImportTimes } from './import-times';

/**
 * Works on imports for as long as the server runs. Without Redis it looks into the ledger for work by itself; with it, it announces
 * there what is due, and the replica that takes the announcement has the turn. An announcement that is lost is made anew from the
 * ledger, and while Redis is away every replica goes by the ledger.
 */
@Injectable()
export class ImportLoop implements OnModuleDestroy {
  private readonly logger = new Logger(ImportLoop.name);
  private readonly stopping = new AbortController();
  private nap = new AbortController();
  private running: Promise<void> | null = null;
  private isTold = false;

  constructor(
    private readonly runner: ImportRunner,
    private readonly ledger: ImportLedgerRepository,
    private readonly queue: ImportQueue,
    private readonly sweep: ImportSweep,
    @Inject(IMPORT_TIMES) private readonly times: ImportTimes,
    @Inject(IMPORT_CLOCK) private readonly clock: ImportClock,
  ) {}

  /** Begins to work; the database has to be open. */
  start(): void {
    if (this.running !== null || this.stopping.signal.aborted) return;
    this.queue.open((importId) => this.runner.turn(this.stopping.signal, importId));
    this.running = this.run();
  }

  /** There is something to do now. */
  wake(): void {
    this.nap.abort();
  }

  onModuleDestroy(): Promise<void> {
    return this.stop();
  }

  /** Hands back what is not done, for other replicas, and begins nothing new. Before the database closes. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.nap.abort();
    await Promise.all([this.running, this.sweep.end()]);
    await this.queue.close();
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      this.nap = new AbortController();
      const isBusy = await this.once(signal);
      if (!isBusy) await this.clock.sleep(this.times.pollMs, AbortSignal.any([this.nap.signal, signal]));
    }
  }

  /** False where there is nothing to do for now. */
  private async once(signal: AbortSignal): Promise<boolean> {
    try {
      this.sweep.beginIfDue(signal);
      if (this.queue.isReady) {
        await this.queue.announce(await this.ledger.listDue(this.clock.now()));
        return false;
      }
      const isBusy = await this.runner.turn(signal);
      this.isTold = false;
      return isBusy;
    } catch (error) {
      if (signal.aborted) return false;
      if (judgeDatabaseError(error) === 'unknown') {
        this.logger.error({ err: error }, 'a turn failed unexpectedly');
        if (!this.isTold) telemetry.report(error, { job: 'import' });
      } else if (!this.isTold) this.logger.warn({ err: error }, 'imports wait for the database');
      this.isTold = true;
      return false;
    }
  }
}
