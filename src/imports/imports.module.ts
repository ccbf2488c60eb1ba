import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { IdempotencyModule } from '../idempotency/idempotency.module';
import { MetricsModule } from '../observability/metrics.module';
import { RedisModule } from '../redis/redis.module';
import { SourcesModule } from '../sources/sources.module';
import { TracksModule } from '../tracks/tracks.module';
import { ImportBacklogRepository } from './import-backlog.repository';
import { ImportEvents } from './import-events';
import { ImportIntake } from './import-intake';
import { ImportLedgerRepository } from './import-ledger.repository';
import { ImportLoop } from './import-loop';
import { ImportProgress } from './import-progress';
import { ImportQueue } from './import-queue';
import { ImportRunner } from './import-runner';
import { ImportSweep } from './import-sweep';
import { IMPORT_CLOCK, IMPORT_TIMES, SYSTEM_CLOCK, USUAL_TIMES } from './import-times';
import { ImportsController } from './imports.controller';
import { ImportsResolver } from './imports.resolver';
import { ImportsHealth } from './imports.health';
import { ImportsMetrics } from './imports.metrics';
import { ImportsRepository } from './imports.repository';
import { ImportsService } from './imports.service';
import { RowTally } from './row-tally';

@Module({
  imports: [TracksModule, SourcesModule, IdempotencyModule, RedisModule, MetricsModule, TerminusModule],
  controllers: [ImportsController],
  providers: [
    ImportsResolver,
    ImportsRepository,
    ImportLedgerRepository,
    ImportBacklogRepository,
    RowTally,
    ImportIntake,
    ImportProgress,
    ImportsService,
    ImportEvents,
    ImportRunner,
    ImportQueue,
    ImportSweep,
    ImportLoop,
    ImportsHealth,
    ImportsMetrics,
    { provide: IMPORT_TIMES, useValue: USUAL_TIMES },
    { provide: IMPORT_CLOCK, useValue: SYSTEM_CLOCK },
  ],
  exports: [ImportsService, ImportLoop, ImportRunner, ImportsHealth],
})
export class ImportsModule {}
