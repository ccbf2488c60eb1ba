import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { AuthModule } from '../auth/auth.module';
import { DatabaseModule } from '../database/database.module';
import { ImportsModule } from '../imports/imports.module';
import { SourcesModule } from '../sources/sources.module';
import { MetricsModule } from '../observability/metrics.module';
import { RedisModule } from '../redis/redis.module';
import { HealthController } from './health.controller';
import { MetricsController } from './metrics.controller';
import { ProcessHealth } from './process.health';
import { ServiceHealth } from './service.health';
import { ServiceMetrics } from './service.metrics';

@Module({
  // A failed check is an answer here, not news for the log: the database connector tells of changes.
  imports: [
    TerminusModule.forRoot({ logger: false, errorLogStyle: 'json' }),
    AuthModule,
    DatabaseModule,
    MetricsModule,
    SourcesModule,
    ImportsModule,
    RedisModule,
  ],
  controllers: [HealthController, MetricsController],
  providers: [ServiceHealth, ProcessHealth, ServiceMetrics],
})
export class HealthModule {}
