import { Global, Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ReadDatabase } from '../common/read-database';
import { type Settings, settings } from '../config/settings';
import { createDataSource, toDataSourceOptions } from './data-source';
import { DatabaseConnector } from './database.connector';
import { DatabaseHealth } from './database.health';
import { ReadSide } from './read-side';

@Global()
@Module({
  imports: [
    TerminusModule,
    TypeOrmModule.forRootAsync({
      inject: [settings.KEY],
      // Connecting is the connector's work: the app must listen, and say that it is not ready, while it waits.
      useFactory: ({ database }: Settings) => ({
        ...toDataSourceOptions(database, database.poolSize),
        manualInitialization: true,
      }),
      dataSourceFactory: (options) => {
        if (options === undefined) throw new Error('TypeORM was given no options');
        return Promise.resolve(createDataSource(options));
      },
    }),
  ],
  providers: [DatabaseConnector, DatabaseHealth, ReadSide, { provide: ReadDatabase, useExisting: ReadSide }],
  exports: [DatabaseConnector, DatabaseHealth, ReadDatabase, ReadSide],
})
export class DatabaseModule {}
