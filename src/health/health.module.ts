import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { AuthModule } from '../auth/auth.module';
import { DatabaseModule } from '../database/database.module';
import { ImportsModule } from '../imports/imports.module';
import { SourcesModule } from '../sources/sources.module';
import { MetricsModule } from '../observability/metrics.module';
import { HealthController } from './health.controller';
import { MetricsController } from './metrics.controller';
import { ServiceHealth } from './service.health';

@Module({
  // A failed check is an answer here, not news for the log: the database connector tells of changes.
  imports: [
    TerminusModule.forRoot({ logger: false, errorLogStyle: 'json' }),
    AuthModule,
    DatabaseModule,
    MetricsModule,
    SourcesModule,
    ImportsModule,
  ],
  controllers: [HealthController, MetricsController],
  providers: [ServiceHealth],
})
export class HealthModule {}
