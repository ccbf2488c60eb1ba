import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DatabaseConnector } from '../../src/database/database.connector';
import { createApp } from './app';

/** An app that listens while its database is not there, or not migrated, yet. */
interface UnreadyApp {
  readonly app: NestFastifyApplication;
  readonly url: string;
  /** Settles when the database is open, or the app is closed before that. */
  readonly opened: Promise<void>;
}

/** Starts the app as `serve` does, with these settings, without waiting for its database. */
export async function startUnready(environment: Readonly<Record<string, string>>): Promise<UnreadyApp> {
  const app = await createApp(environment);
  await app.listen(0, '127.0.0.1');
  const opened = app.get(DatabaseConnector).open();
  return { app, opened, url: (await app.getUrl()).replace(/\/$/, '') };
}
