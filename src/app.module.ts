import { Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_PIPE } from '@nestjs/core';
import { AuthGuard } from './auth/auth.guard';
import { AuthModule } from './auth/auth.module';
import { InputPipe } from './common/input.pipe';
import { ProblemFilter } from './common/problem.filter';
import { SettingsModule } from './config/config.module';
import { GraphqlGate } from './auth/graphql-gate';
import { DatabaseModule } from './database/database.module';
import { GraphqlModule } from './graphql/graphql.module';
import { HealthModule } from './health/health.module';
import { ImportsModule } from './imports/imports.module';
import { LoggingModule } from './observability/logging.module';
import { RedisModule } from './redis/redis.module';
import { TracksModule } from './tracks/tracks.module';

/** Table of contents. The guard denies what declares no policy; pipe and filter hold for every route. */
@Module({
  imports: [
    SettingsModule,
    LoggingModule,
    RedisModule,
    DatabaseModule,
    AuthModule,
    TracksModule,
    ImportsModule,
    GraphqlModule.guardedBy(AuthModule, GraphqlGate),
    HealthModule,
  ],
  providers: [
    { provide: APP_GUARD, useExisting: AuthGuard },
    { provide: APP_PIPE, useClass: InputPipe },
    { provide: APP_FILTER, useClass: ProblemFilter },
  ],
})
export class AppModule {}
