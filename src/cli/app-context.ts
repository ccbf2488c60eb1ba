import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { AppModule } from '../app.module';
import { ApiTokensService } from '../auth/api-tokens.service';
import { settings, settingsWithSource } from '../config/settings';
import { DatabaseConnector } from '../database/database.connector';
import { ImportRunner } from '../imports/import-runner';
import { ImportsService } from '../imports/imports.service';
import { TracksService } from '../tracks/tracks.service';

/** What commands work on. */
export interface Services {
  readonly tokens: ApiTokensService;
  readonly tracks: TracksService;
  readonly imports: ImportsService;
  readonly importRunner: ImportRunner;
}

interface Options {
  readonly shouldMigrate?: boolean;
  /** It fetches recordings: then production needs the source's credentials, which a job that migrates or makes tokens need not be given. */
  readonly asksSource?: boolean;
  /** It only works on what is there: a database file that is missing is not made, since its path may be wrong. */
  readonly needsFile?: boolean;
}

/**
 * Runs a command on the services of the app, with the database open and no server.
 * @throws SettingsError, DatabaseFaultError
 */
export async function withServices<T>(
  work: (services: Services) => Promise<T>,
  { asksSource = false, ...options }: Options = {},
): Promise<T> {
  (asksSource ? settingsWithSource : settings)(); // checked before Nest starts, whose error log would add a stack
  // Only faults are logged: standard output is the command's answer, which scripts read.
  const app = await NestFactory.createApplicationContext(AppModule, {
    abortOnError: false,
    logger: ['error', 'fatal'],
  });
  try {
    await app.get(DatabaseConnector).open({ ...options, isPatient: false });
    return await work({
      tokens: app.get(ApiTokensService),
      tracks: app.get(TracksService),
      imports: app.get(ImportsService),
      importRunner: app.get(ImportRunner),
    });
  } finally {
    await app.close();
  }
}
