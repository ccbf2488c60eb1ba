import { join } from 'node:path';
import 'reflect-metadata';
import type { INestApplicationContext, Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { Recording } from '../../src/recording/recording';
import { ROOT } from './processes';

/** The service as `npm run build` leaves it: what is measured, and what seeds. */
export const SERVICE = join(ROOT, 'dist');

/** Settings that differ from the defaults: production, an unlimited client, and a source that is never asked. */
export const SETTINGS = {
  NODE_ENV: 'production',
  SPOTIFY_CLIENT_ID: 'bench',
  SPOTIFY_CLIENT_SECRET: 'bench',
  SPOTIFY_API_URL: 'http://127.0.0.1:9/v1',
  SPOTIFY_ACCOUNTS_URL: 'http://127.0.0.1:9',
  CLIENT_REQUESTS_PER_MINUTE: '0',
} as const;

/** The service's own bulk path. */
export interface BulkStorage {
  saveRecordings(recordings: readonly Recording[], options: { onlyIfStored: boolean }): Promise<unknown>;
}

/** A compiled module of the service: not there when types are checked, so whoever loads it says what is in it. */
function load(path: string): unknown {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- a path known at run time
  return require(join(SERVICE, path));
}

/** Runs work on the app as built, without its server, on the database that the environment names. */
async function withApp<T>(work: (app: INestApplicationContext) => Promise<T>): Promise<T> {
  const { AppModule } = load('app.module.js') as { AppModule: Type<object> };
  const { DatabaseConnector } = load('database/database.connector.js') as {
    DatabaseConnector: Type<{ open(options: object): Promise<void> }>;
  };
  const app = await NestFactory.createApplicationContext(AppModule, {
    abortOnError: false,
    logger: ['error', 'fatal'],
  });
  try {
    await app.get(DatabaseConnector).open({ shouldMigrate: true, isPatient: false });
    return await work(app);
  } finally {
    await app.close();
  }
}

/** Runs work on the repository of tracks, in this process, on the database that the environment names. */
export async function withTracks<T>(work: (tracks: BulkStorage) => Promise<T>): Promise<T> {
  const { TracksRepository } = load('tracks/tracks.repository.js') as { TracksRepository: Type<BulkStorage> };
  return withApp((app) => work(app.get(TracksRepository)));
}

/** Text of a new token. */
export function makeToken(): string {
  return (load('auth/api-token.text.js') as { makeTokenText(): string }).makeTokenText();
}

/** As much of the import services as a measurement needs. */
interface Importing {
  startList(isrcs: readonly string[], wish: object): Promise<{ readonly id: string }>;
  getImport(id: string): Promise<{ readonly counts: Readonly<Record<string, number>> }>;
}

/** Resolves codes by an import in this process, on the database that the environment names, with a source that answers at once. */
export async function resolveByImport(
  isrcs: readonly string[],
  find: (isrc: string) => Recording,
): Promise<{ seconds: number; created: number }> {
  const { RecordingSource } = load('recording/recording-source.js') as { RecordingSource: Type<object> };
  const { ImportsService } = load('imports/imports.service.js') as { ImportsService: Type<Importing> };
  const { ImportRunner } = load('imports/import-runner.js') as {
    ImportRunner: Type<{ drain(id: string, signal: AbortSignal): Promise<void> }>;
  };
  const found = { seconds: NaN, created: 0 };
  await withApp(async (app) => {
    Object.assign(app.get(RecordingSource), { findByIsrc: (isrc: string) => Promise.resolve(find(isrc)) });
    const imports = app.get(ImportsService);
    const { id } = await imports.startList(isrcs, { shouldRefresh: false, createdBy: 'bench' });
    const startedAt = performance.now();
    await app.get(ImportRunner).drain(id, new AbortController().signal);
    found.seconds = (performance.now() - startedAt) / 1000;
    found.created = (await imports.getImport(id)).counts['created'] ?? 0;
  });
  return found;
}
