import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from '../app.module';
import { settings, settingsWithSource } from '../config/settings';
import { DatabaseConnector } from '../database/database.connector';

/**
 * Runs a command on the services of the app, with the database open and no server. `asksSource` where it fetches recordings: then
 * production needs the source's credentials, which a job that migrates or makes tokens need not be given.
 * @throws SettingsError, DatabaseFaultError
 */
export async function withApp<T>(
  work: (app: INestApplicationContext) => Promise<T>,
  { asksSource = false, ...options }: { shouldMigrate?: boolean; asksSource?: boolean } = {},
): Promise<T> {
  (asksSource ? settingsWithSource : settings)(); // checked before Nest starts, whose error log would add a stack
  // Only faults are logged: standard output is the command's answer, which scripts read.
  const app = await NestFactory.createApplicationContext(AppModule, {
    abortOnError: false,
    logger: ['error', 'fatal'],
  });
  try {
    await app.get(DatabaseConnector).open({ ...options, isPatient: false });
    return await work(app);
  } finally {
    await app.close();
  }
}
