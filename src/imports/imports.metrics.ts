import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { Counter, Gauge } from 'prom-client';
import { Metrics } from '../observability/metrics';
import { ImportBacklogRepository } from './import-backlog.repository';
import { IMPORT_CLOCK, type ImportClock } from './import-times';
import { RowTally } from './row-tally';

/** What is told of imports for Prometheus. Rows are counted by each process; the backlog is that of the ledger, whoever is asked. */
@Injectable()
export class ImportsMetrics implements OnModuleInit {
  constructor(
    private readonly metrics: Metrics,
    private readonly backlog: ImportBacklogRepository,
    private readonly tally: RowTally,
    @Inject(IMPORT_CLOCK) private readonly clock: ImportClock,
  ) {}

  onModuleInit(): void {
    const showRows = this.counter();
    const showBacklog = this.gauges();
    this.metrics.beforeEach(async () => {
      showRows();
      await showBacklog();
    });
  }

  private counter(): () => void {
    const rows = new Counter({
      name: 'deadwax_import_rows_total',
      help: 'Rows of imports that became something in this process, by what',
      labelNames: ['status'] as const,
      registers: [this.metrics.registry],
    });
    return () => {
      rows.reset();
      for (const [status, count] of this.tally.all) rows.inc({ status }, count);
    };
  }

  private gauges(): () => Promise<void> {
    const { registry } = this.metrics;
    // All processes read the same ledger: of several answers put together the greatest is right, and not the sum.
    const gauge = <Label extends string>(name: string, help: string, labelNames: readonly Label[]) =>
      new Gauge({
        name: `deadwax_import${name}`,
        help,
        labelNames: [...labelNames],
        registers: [registry],
        aggregator: 'max',
      });
    const imports = gauge('s', 'Imports that have work left, by status', ['status']);
    const rows = gauge('_backlog_rows', 'Rows of imports that are pending', []);
    const oldest = gauge(
      '_oldest_seconds',
      'Since the oldest import that has work left was accepted; 0 where none has',
      [],
    );
    const stalled = gauge(
      '_stalled_seconds',
      'For how long rows have been due without any of them becoming anything; 0 where none is due',
      [],
    );
    return async () => {
      const now = this.clock.now();
      const found = await this.backlog.describe(now);
      const secondsSince = (moment: Date | null) =>
        moment === null ? 0 : Math.max(0, (now.getTime() - moment.getTime()) / 1000);
      for (const [status, count] of Object.entries(found.imports)) imports.set({ status }, count);
      rows.set(found.rows);
      oldest.set(secondsSince(found.oldestAt));
      stalled.set(secondsSince(found.dueSince));
    };
  }
}
