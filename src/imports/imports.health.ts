import { Injectable } from '@nestjs/common';
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import { type Backlog, ImportBacklogRepository } from './import-backlog.repository';

/** Work that is due and does not move for so long is told (attack-matrix.md J09). */
const STALLED_MS = 2 * 60_000;
const TIMEOUT_MS = 400;
const FRESH_MS = 1_000;

/** How much is left to do for imports, and whether it moves. */
@Injectable()
export class ImportsHealth {
  private reading: { untilMs: number; backlog: Promise<Backlog | null> } | null = null;

  constructor(
    private readonly indicator: HealthIndicatorService,
    private readonly repository: ImportBacklogRepository,
  ) {}

  /** Down where rows are due and none became anything for two minutes: nobody works, or nobody can. */
  async check(): Promise<HealthIndicatorResult> {
    const check = this.indicator.check('imports');
    const backlog = await this.read();
    if (backlog === null) return check.down('the database does not answer');
    const { imports, rows, dueSince, progressAt } = backlog;
    const figures = {
      imports: imports.queued + imports.running + imports.paused,
      backlog: rows,
      lastProgressAt: progressAt?.toISOString() ?? null,
    };
    const isStalled = dueSince !== null && Date.now() - dueSince.getTime() > STALLED_MS;
    return isStalled
      ? check.down({ ...figures, message: 'rows are due, and nothing moves' })
      : check.up(figures);
  }

  /** At most one query a second, and none beside one that hangs. */
  private read(): Promise<Backlog | null> {
    const nowMs = Date.now();
    if (this.reading === null || nowMs > this.reading.untilMs) {
      const backlog = this.repository.describe(new Date(nowMs)).catch(() => null);
      const reading = { untilMs: Infinity, backlog };
      void backlog.then(() => (reading.untilMs = Date.now() + FRESH_MS));
      this.reading = reading;
    }
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => (timer = setTimeout(resolve, TIMEOUT_MS, null)));
    return Promise.race([this.reading.backlog, late]).finally(() => {
      clearTimeout(timer);
    });
  }
}
