import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AppModule } from '../app.module';
import { settings } from '../config/settings';
import { DatabaseConnector } from '../database/database.connector';

/**
 * Runs a command on the services of the app, with the database open and no server.
 * @throws SettingsError, DatabaseFaultError
 */
export async function withApp<T>(
  work: (app: INestApplicationContext) => Promise<T>,
  options: { shouldMigrate?: boolean } = {},
): Promise<T> {
  settings(); // checked before Nest starts, whose error log would add a stack
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
