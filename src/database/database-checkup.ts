import type { DataSource } from 'typeorm';
import { type Finding, Findings, reasonOf } from '../common/finding';
import type { Settings } from '../config/settings';
import { pendingMigrations } from './migrator';
import { examineServer } from './server-checkup';
import { examineFile } from './sqlite-checkup';

/** Machines' clocks may differ by as much before it matters: leases of imports live for 12 s. */
const CLOCK_SLACK_MS = 3_000;

const NOW_MS = {
  'better-sqlite3': null,
  mysql: 'SELECT UNIX_TIMESTAMP(NOW(3)) * 1000 AS ms',
  mariadb: 'SELECT UNIX_TIMESTAMP(NOW(3)) * 1000 AS ms',
  postgres: 'SELECT EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS ms',
} as const;

/**
 * Examines the database that the settings name, by a connection of its own that changes nothing: whether it can be reached, how it
 * is set, what its schema lacks, what time it has; then its replicas. Makes no file.
 */
export async function examineDatabase(settings: Settings): Promise<Finding[]> {
  const { database, replicas } = settings;
  const own =
    database.engine === 'sqlite'
      ? await examineFile(database.path)
      : await examineServer('database', database, settings);
  const findings = [...own.findings.all];
  if (own.source !== null) {
    try {
      findings.push(...(await examineSchema(own.source, settings)).all);
      findings.push(...(await examineClock(own.source)).all);
    } finally {
      await own.source.destroy();
    }
  }
  for (const address of replicas) {
    if (address.engine === 'sqlite') continue; // which the settings refuse
    const { findings: ofReplica, source } = await examineServer('replica', address, settings);
    findings.push(...ofReplica.all);
    await source?.destroy();
  }
  return findings;
}

async function examineSchema(source: DataSource, settings: Settings): Promise<Findings> {
  const findings = new Findings('migrations');
  try {
    const pending = await pendingMigrations(source);
    const unknown = await unknownMigrations(source);
    if (unknown.length > 0)
      findings.fail(
        `the schema is newer than this build: it does not know ${unknown.join(', ')}`,
        'run the version that made them, or restore a backup from before.',
      );
    if (pending.length === 0) findings.ok(`the schema is current (${source.migrations.length} migrations)`);
    else if (settings.database.shouldMigrate)
      findings.warn(
        `not applied yet: ${pending.join(', ')}`,
        'the next start applies them; or run "deadwax migrate".',
      );
    else
      findings.fail(
        `not applied yet: ${pending.join(', ')}`,
        'run "deadwax migrate": with DATABASE_MIGRATE=false the server waits for it.',
      );
    if (pending.length === 0) await examineTokens(source, settings, findings);
  } catch (error) {
    findings.fail(
      `the schema cannot be read: ${reasonOf(error)}`,
      'grant the user of DATABASE_URL all rights on its database.',
    );
  }
  return findings;
}

async function unknownMigrations(source: DataSource): Promise<string[]> {
  const runner = source.createQueryRunner();
  try {
    if (!(await runner.hasTable('migrations'))) return [];
    const known = new Set(source.migrations.map(({ name, constructor }) => name ?? constructor.name));
    const rows = (await runner.query('SELECT name FROM migrations')) as { name: string }[];
    return rows.map(({ name }) => name).filter((name) => !known.has(name));
  } finally {
    await runner.release();
  }
}

async function examineTokens(
  source: DataSource,
  { isProduction, auth }: Settings,
  findings: Findings,
): Promise<void> {
  const rows = await source.query<{ id: string }[]>('SELECT id FROM api_token LIMIT 1');
  if (rows.length > 0 || auth.jwt !== null || auth.bootstrapToken !== null) return;
  if (isProduction)
    findings.warn(
      'there is no API token, and no identity provider: nobody can call the API',
      'run "deadwax token create --name NAME --role admin", or set AUTH_BOOTSTRAP_TOKEN.',
    );
}

/** A database on this machine has this machine's clock. */
async function examineClock(source: DataSource): Promise<Findings> {
  const findings = new Findings('clock');
  const query = NOW_MS[source.options.type as keyof typeof NOW_MS];
  if (query === null) return findings;
  const sentMs = Date.now();
  const [row] = await source.query<{ ms: string | number }[]>(query);
  const aheadMs = Number(row?.ms) - (sentMs + Date.now()) / 2;
  const seconds = (Math.abs(aheadMs) / 1000).toFixed(1);
  if (Math.abs(aheadMs) <= CLOCK_SLACK_MS) return findings.ok('the clock agrees with the database');
  return findings.warn(
    `the clock of the database is ${seconds} s ${aheadMs > 0 ? 'ahead of' : 'behind'} this machine's`,
    'set both by NTP (timedatectl): leases of imports and the budget for calls go by the clock.',
  );
}
