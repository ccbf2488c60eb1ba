import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { migrate, pendingMigrations } from '../../src/database/migrator';
import { openDataSource, rowsOf } from '../support/data-source';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { startUnready } from '../support/unready-app';

jest.setTimeout(30_000);

const NOW = {
  sqlite: 'unixepoch()',
  mariadb: 'UNIX_TIMESTAMP()',
  postgres: 'CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS BIGINT)',
}[DATABASE_ENGINE];

let database: TestDatabase;
let dataSources: DataSource[];

/** As many as there would be processes, each with connections of its own. */
async function open(count: number): Promise<DataSource[]> {
  const opened = await Promise.all(Array.from({ length: count }, () => openDataSource(database.url)));
  dataSources.push(...opened);
  return opened;
}

/** A lock as a migrator leaves it that died `secondsLeft` before its lease runs out. */
async function leaveLock(dataSource: DataSource, secondsLeft: number): Promise<void> {
  await dataSource.query(
    'CREATE TABLE schema_lock (id INTEGER NOT NULL PRIMARY KEY, owner VARCHAR(40) NOT NULL, expires_at_s BIGINT NOT NULL)',
  );
  await dataSource.query(
    `INSERT INTO schema_lock (id, owner, expires_at_s) VALUES (1, 'dead', ${NOW} + ${secondsLeft})`,
  );
}

beforeEach(async () => {
  database = await createTestDatabase();
  dataSources = [];
});

afterEach(async () => {
  jest.restoreAllMocks();
  for (const dataSource of dataSources) await dataSource.destroy();
  await database.drop();
});

it('applies each migration once when eight begin at the same moment', async () => {
  const migrators = await open(8);
  const [first] = migrators as [DataSource];
  const names = await pendingMigrations(first);
  const applied = await Promise.all(migrators.map(migrate));
  expect(applied.filter((each) => each.length > 0)).toEqual([names]);
  const rows = await rowsOf<{ name: string }>(first, 'SELECT name FROM migrations');
  expect(rows.map(({ name }) => name)).toEqual(names);
  expect(await Promise.all(migrators.map(pendingMigrations))).toEqual(migrators.map(() => []));
});

it('waits for a migrator that lives, and takes over from one that died', async () => {
  const [first, second] = (await open(2)) as [DataSource, DataSource];
  await leaveLock(first, 2);
  const startedAt = Date.now();
  let isDone = false;
  const migrating = Promise.all([migrate(first), migrate(second)]).finally(() => {
    isDone = true;
  });
  await sleep(800);
  expect(isDone).toBe(false);
  expect(await pendingMigrations(second)).not.toEqual([]);
  const applied = await migrating;
  expect(applied.filter((names) => names.length > 0)).toHaveLength(1);
  expect(Date.now() - startedAt).toBeLessThan(30_000); // a lease is a minute
});

it('does not wait for a lease that has run out, and leaves none behind', async () => {
  const [only] = (await open(1)) as [DataSource];
  await leaveLock(only, -1);
  const startedAt = Date.now();
  expect(await migrate(only)).not.toEqual([]);
  expect(Date.now() - startedAt).toBeLessThan(30_000);
  const [lock] = await rowsOf<{ expires: string }>(only, 'SELECT expires_at_s AS expires FROM schema_lock');
  expect(Number(lock?.expires)).toBe(0);
});

it('lets a failed migration be tried again at once', async () => {
  const [only] = (await open(1)) as [DataSource];
  await only.query('CREATE TABLE candidate (id INTEGER)'); // in the way of the first migration
  jest.spyOn(console, 'log').mockReturnValue(); // TypeORM tells of it there, whatever its options
  await expect(migrate(only)).rejects.toThrow(/exists/);
  expect(await pendingMigrations(only)).not.toEqual([]);
  const [lock] = await rowsOf<{ expires: string }>(only, 'SELECT expires_at_s AS expires FROM schema_lock');
  expect(Number(lock?.expires)).toBe(0);
});

it('is waited for by an app that may not migrate', async () => {
  const service = await startUnready({ DATABASE_URL: database.url, DATABASE_MIGRATE: 'false' });
  const statuses = async () =>
    Promise.all(
      ['/health/live', '/health/ready', '/health/startup', '/v1/tracks'].map(
        async (path) => (await fetch(service.url + path)).status,
      ),
    );
  try {
    await sleep(300);
    expect(await statuses()).toEqual([200, 503, 503, 503]);
    const [migrator] = (await open(1)) as [DataSource];
    expect(await rowsOf(migrator, 'SELECT 1 AS n')).toHaveLength(1);
    expect(await pendingMigrations(migrator)).not.toEqual([]);
    await migrate(migrator);
    await service.opened;
    expect(await statuses()).toEqual([200, 200, 200, 401]);
  } finally {
    await service.app.close();
  }
});
