import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { configureApp } from '../../src/app';
import { AppModule } from '../../src/app.module';
import { createHttpAdapter } from '../../src/common/http-server';
import { settings } from '../../src/config/settings';
import { DatabaseConnector } from '../../src/database/database.connector';

/** An app that listens while its database is not there, or not migrated, yet. */
interface UnreadyApp {
  readonly app: NestFastifyApplication;
  readonly url: string;
  /** Settles when the database is open, or the app is closed before that. */
  readonly opened: Promise<void>;
}

/** Starts the app as `serve` does, with these settings, without waiting for its database. */
export async function startUnready(environment: Readonly<Record<string, string>>): Promise<UnreadyApp> {
  const before = { ...process.env };
  Object.assign(process.env, { LOG_LEVEL: 'silent', ...environment });
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule,
    createHttpAdapter(settings().http),
    {
      abortOnError: false,
      logger: false,
      bodyParser: false,
    },
  ).finally(() => {
    process.env = before;
  });
  configureApp(app);
  await app.listen(0, '127.0.0.1');
  const opened = app.get(DatabaseConnector).open();
  return { app, opened, url: (await app.getUrl()).replace(/\/$/, '') };
}
