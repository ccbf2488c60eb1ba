import { Logger } from '@nestjs/common';
import type { DataSource, MigrationInterface, QueryRunner } from 'typeorm';
import { parseDatabaseUrl } from '../../src/config/database-url';
import { createDataSource, toDataSourceOptions } from '../../src/database/data-source';
import { migrate, pendingMigrations } from '../../src/database/migrator';
import { startApp, type TestApp } from '../support/app';
import { openDataSource } from '../support/data-source';
import { until } from '../support/until';

jest.setTimeout(60_000);

const ISRC = 'USWB10102873';
const CLIENTS = 6;
/** What a loaded test machine may add to a promise made in milliseconds. */
const SLACK_MS = 5_000;

/** Two statements that need the table to themselves for a moment: after the first, a second try must not begin with it again. */
class AddNotes1899999999999 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE artist ADD COLUMN note VARCHAR(9)');
    await runner.query('ALTER TABLE track ADD COLUMN note VARCHAR(9)');
  }
  async down(runner: QueryRunner): Promise<void> {
    await runner.query('ALTER TABLE track DROP COLUMN note');
    await runner.query('ALTER TABLE artist DROP COLUMN note');
  }
}

let service: TestApp;
let newer: DataSource;
let reader: DataSource;
beforeAll(async () => {
  service = await startApp({ CLIENT_REQUESTS_PER_MINUTE: '0' }); // one client makes all the load
  const parsed = parseDatabaseUrl(service.database.url);
  if ('fault' in parsed) throw new Error(parsed.fault);
  const options = toDataSourceOptions(parsed.address);
  const migrations = [...(options.migrations as (new () => object)[]), AddNotes1899999999999];
  newer = await createDataSource({ ...options, migrations: migrations as never }).initialize();
  reader = await openDataSource(service.database.url);
});
afterAll(async () => {
  jest.restoreAllMocks();
  await newer.destroy();
  await reader.destroy();
  await service.stop();
});

it('D09 a migration gives way to a long read and the calls behind it, and goes through when that is over', async () => {
  expect((await service.call('POST', '/v1/tracks', { json: { isrc: ISRC } })).status).toBe(201);
  const gaveWay: number[] = [];
  jest.spyOn(Logger.prototype, 'warn').mockImplementation((message: unknown) => {
    if (String(message).includes('gave way')) gaveWay.push(performance.now());
  });
  const longRead = reader.createQueryRunner();
  if (DATABASE_ENGINE === 'sqlite') await longRead.query('BEGIN DEFERRED');
  else await longRead.startTransaction();
  await longRead.query('SELECT isrc FROM track');

  const statuses: number[] = [];
  let isOver = false;
  const clients = Array.from({ length: CLIENTS }, async (_, at) => {
    while (!isOver) {
      const answer =
        at % 3 === 0
          ? await service.call('POST', `/v1/tracks/${ISRC}/refresh`)
          : await service.call('GET', `/v1/tracks/${ISRC}`);
      statuses.push(answer.status);
    }
  });
  const startedMs = performance.now();
  const migrating = migrate(newer);
  try {
    if (DATABASE_ENGINE !== 'sqlite') {
      await until('it gave way twice', () => gaveWay.length >= 2);
      expect((gaveWay[0] ?? Infinity) - startedMs).toBeLessThan(5_000 + SLACK_MS);
      // While the read is still open, everybody else is served.
      const served = statuses.length;
      await until('calls go on', () => statuses.length >= served + 5 * CLIENTS);
      expect(await pendingMigrations(newer)).toEqual([AddNotes1899999999999.name]);
      await longRead.commitTransaction();
    }
    expect(await migrating).toEqual([AddNotes1899999999999.name]);
  } finally {
    isOver = true;
    if (DATABASE_ENGINE === 'sqlite') await longRead.query('COMMIT'); // a reader is in nobody's way there
    if (longRead.isTransactionActive) await longRead.rollbackTransaction();
    await longRead.release();
    await Promise.all(clients);
  }
  expect(statuses.filter((status) => status !== 200)).toEqual([]);
  for (const table of ['artist', 'track'])
    expect(await newer.query(`SELECT COUNT(note) AS n FROM ${table}`)).toHaveLength(1);
});
