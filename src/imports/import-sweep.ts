import { Inject, Injectable, Logger } from '@nestjs/common';
import { type Settings, settings } from '../config/settings';
import { ImportLedgerRepository } from './import-ledger.repository';
import { IMPORT_CLOCK, type ImportClock } from './import-times';
import { ImportsRepository } from './imports.repository';

/** Uploads send something every few seconds: one that sent nothing for as long has died with its process. */
const ABANDONED_MS = 10 * 60_000;
const SWEEP_EVERY_MS = 60_000;
const DAY_MS = 86_400_000;

/** Removes what nobody needs any more, beside the work: uploads that broke off with their process, imports that are too old. */
@Injectable()
export class ImportSweep {
  private readonly logger = new Logger(ImportSweep.name);
  private sweptMs = 0;
  private sweeping: Promise<void> | null = null;

  constructor(
    private readonly imports: ImportsRepository,
    private readonly ledger: ImportLedgerRepository,
    @Inject(settings.KEY) private readonly settings: Settings,
    @Inject(IMPORT_CLOCK) private readonly clock: ImportClock,
  ) {}

  /** Begins to sweep where it is time, and one sweep at a time. Never throws: what could not be removed is met again. */
  beginIfDue(signal: AbortSignal): void {
    const nowMs = this.clock.now().getTime();
    if (this.sweeping !== null || Math.abs(nowMs - this.sweptMs) < SWEEP_EVERY_MS) return;
    this.sweptMs = nowMs;
    this.sweeping = this.sweep(signal)
      .catch((error: unknown) => {
        this.logger.debug({ err: error }, 'imports are swept later');
      })
      .finally(() => {
        this.sweeping = null;
      });
  }

  /** Until the running sweep has ended, which its signal makes soon. */
  async end(): Promise<void> {
    await this.sweeping;
  }

  /** One sweep, now. */
  async sweep(signal: AbortSignal): Promise<void> {
    const now = this.clock.now();
    await this.ledger.forgetFlights(now);
    for (const id of await this.imports.listAbandoned(new Date(now.getTime() - ABANDONED_MS)))
      await this.imports.drop(id, signal);
    const { retentionDays } = this.settings.imports;
    if (retentionDays === 0) return;
    for (const id of await this.imports.retire(new Date(now.getTime() - retentionDays * DAY_MS))) {
      await this.imports.drop(id, signal);
      this.logger.log(`${id} was removed: it ended more than ${retentionDays} days ago`);
    }
  }
}
