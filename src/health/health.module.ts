import { Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { DatabaseModule } from '../database/database.module';
import { SourcesModule } from '../sources/sources.module';
import { HealthController } from './health.controller';
import { ServiceHealth } from './service.health';

@Module({
  // A failed check is an answer here, not news for the log: the database connector tells of changes.
  imports: [TerminusModule.forRoot({ logger: false, errorLogStyle: 'json' }), DatabaseModule, SourcesModule],
  controllers: [HealthController],
  providers: [ServiceHealth],
})
export class HealthModule {}
