import { Logger } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DataSource, MigrationExecutor, type QueryRunner } from 'typeorm';
import { judgeDatabaseError } from '../common/database-error';
import { reasonOf } from '../common/finding';

/** A migrator that died holds the others up for this long at most; a living one renews its lease. */
const LEASE_SECONDS = 60;
const RENEW_MS = 15_000;
const POLL_MS = 250;
/**
 * How long a statement of a migration waits for its lock while others use the table: whoever comes meanwhile is queued behind
 * it. MySQL and MariaDB know whole seconds alone.
 */
const LOCK_WAITS: Partial<Record<DataSource['options']['type'], { shorten: string; restore: string }>> = {
  mysql: { shorten: 'SET SESSION lock_wait_timeout = 1', restore: 'SET SESSION lock_wait_timeout = DEFAULT' },
  mariadb: {
    shorten: 'SET SESSION lock_wait_timeout = 1',
    restore: 'SET SESSION lock_wait_timeout = DEFAULT',
  },
  postgres: { shorten: `SET lock_timeout = '200ms'`, restore: 'RESET lock_timeout' },
};
/** Between two tries, so that callers have most of the time to themselves; each pause is longer than the one before. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
const DEFINITION = /^\s*(CREATE|ALTER|DROP|RENAME)\b/i;

const logger = new Logger('Migrator');

/** The server's clock in whole seconds, so that machines whose clocks differ agree on a lease. */
const NOW_SECONDS = {
  'better-sqlite3': 'unixepoch()',
  mysql: 'UNIX_TIMESTAMP()',
  mariadb: 'UNIX_TIMESTAMP()',
  postgres: 'CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS BIGINT)',
} as const;

/** Names of the migrations that the database has not had yet. */
export async function pendingMigrations(dataSource: DataSource): Promise<string[]> {
  const runner = dataSource.createQueryRunner();
  try {
    const table = dataSource.options.migrationsTableName ?? 'migrations';
    const done = (await runner.hasTable(table))
      ? ((await runner.query(`SELECT name FROM ${table}`)) as { name: string }[]).map(({ name }) => name)
      : [];
    return dataSource.migrations
      .map(({ name, constructor }) => name ?? constructor.name)
      .filter((name) => !done.includes(name));
  } finally {
    await runner.release();
  }
}

/**
 * Applies what is pending, one process at a time whichever machine it runs on. The lock is a row with a lease: named
 * locks of the engines do not hold across the nodes of a cluster.
 * @returns names of the migrations applied by this call
 */
export async function migrate(dataSource: DataSource): Promise<string[]> {
  if ((await pendingMigrations(dataSource)).length === 0) return [];
  const owner = randomUUID();
  await makeLockTable(dataSource);
  while (!(await takeLease(dataSource, owner))) await sleep(POLL_MS);
  const renewal = setInterval(() => {
    takeLease(dataSource, owner).catch(() => undefined); // a lease that cannot be renewed runs out by itself
  }, RENEW_MS);
  try {
    const pending = await pendingMigrations(dataSource);
    await applyPending(dataSource);
    return pending;
  } finally {
    clearInterval(renewal);
    await dataSource.query(`UPDATE schema_lock SET expires_at_s = 0 WHERE id = 1 AND owner = '${owner}'`);
  }
}

/**
 * Applies what is pending, in a session that waits for locks only shortly. What had to give way is tried again until it gets
 * through: on PostgreSQL and SQLite the migration, which was rolled back and holds nothing meanwhile; on MySQL and MariaDB,
 * where the statements before it are committed, the statement alone.
 */
async function applyPending(dataSource: DataSource): Promise<void> {
  const { type } = dataSource.options;
  const runner = dataSource.createQueryRunner();
  const executor = new MigrationExecutor(dataSource, runner);
  executor.transaction = 'each';
  const lockWaits = LOCK_WAITS[type];
  dataSource.logger.logMigration = () => undefined; // goes to standard output, past our log, and the error is thrown
  try {
    if (lockWaits !== undefined) await runner.query(lockWaits.shorten);
    if (type === 'mysql' || type === 'mariadb') {
      retryDefinitions(runner);
      await executor.executePendingMigrations();
    } else {
      await untilUnlocked(() => executor.executePendingMigrations());
    }
  } finally {
    if (lockWaits !== undefined) await runner.query(lockWaits.restore).catch(() => undefined); // a connection that broke
    await runner.release();
  }
}

/** Statements that define something commit what was before them, and hold nothing when they fail. */
function retryDefinitions(runner: QueryRunner): void {
  const query = runner.query.bind(runner) as (...args: unknown[]) => Promise<unknown>;
  runner.query = (text: string, ...rest: unknown[]) =>
    (DEFINITION.test(text) ? untilUnlocked(() => query(text, ...rest)) : query(text, ...rest)) as never;
}

async function untilUnlocked<T>(attempt: () => Promise<T>): Promise<T> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    try {
      return await attempt();
    } catch (error) {
      if (judgeDatabaseError(error) !== 'retry') throw error;
      logger.warn(
        `a migration gave way to others who use its table (${reasonOf(error)}); tried again in ${pauseMs / 1000} s`,
      );
      await sleep(pauseMs);
    }
  }
}

async function makeLockTable(dataSource: DataSource): Promise<void> {
  for (const statement of [
    'CREATE TABLE IF NOT EXISTS schema_lock (id INTEGER NOT NULL PRIMARY KEY, owner VARCHAR(40) NOT NULL, expires_at_s BIGINT NOT NULL)',
    "INSERT INTO schema_lock (id, owner, expires_at_s) SELECT 1, '', 0 WHERE NOT EXISTS (SELECT 1 FROM schema_lock WHERE id = 1)",
  ]) {
    try {
      await dataSource.query(statement);
    } catch (error) {
      // Another process made it at the same moment; PostgreSQL tells that as a
      // duplicate key, table (42P07) or type (42710).
      const code = (error as { driverError?: { code?: unknown } }).driverError?.code;
      if (judgeDatabaseError(error) !== 'duplicate' && code !== '42P07' && code !== '42710') throw error;
    }
  }
}

async function takeLease(dataSource: DataSource, owner: string): Promise<boolean> {
  const now = NOW_SECONDS[dataSource.options.type as keyof typeof NOW_SECONDS];
  const runner = dataSource.createQueryRunner();
  try {
    const result = await runner.query(
      `UPDATE schema_lock SET owner = '${owner}', expires_at_s = ${now} + ${LEASE_SECONDS} WHERE id = 1 AND (owner = '${owner}' OR expires_at_s < ${now})`,
      [],
      true,
    );
    return (result.affected ?? 0) > 0;
  } finally {
    await runner.release();
  }
}
