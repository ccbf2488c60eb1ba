import type { DataSource } from 'typeorm';
import { Findings } from '../common/finding';
import type { DatabaseAddress } from '../config/database-url';
import type { Settings } from '../config/settings';
import { type Examined, connectFor } from './checkup-connection';
import { examineClusterNode } from './cluster-checkup';
import { toDataSourceOptions } from './data-source';

type ServerAddress = Exclude<DatabaseAddress, { engine: 'sqlite' }>;
type Row = Readonly<Record<string, unknown>>;

/** Oldest versions that the tests have run on, or that their makers still mend. */
const OLDEST = { mariadb: '10.6', mysql: '8.0', postgres: '14' } as const;
/** A batch of tracks with their documents is one statement. */
const LEAST_PACKET_BYTES = 16 * 1024 ** 2;
const THIS_MACHINE = /^(localhost|127\.\d+\.\d+\.\d+|::1)$/;

/** Examines a database server by one connection, in the session that the service works in. */
export async function examineServer(
  check: 'database' | 'replica',
  address: ServerAddress,
  settings: Settings,
): Promise<Examined> {
  const findings = new Findings(check);
  const place = `${address.engine} at ${address.host}:${address.port}, database ${address.database}`;
  if (address.engine !== 'postgres' && !(await examineClusterNode(address, findings)))
    return { source: null, findings };
  const source = await connectFor(findings, toDataSourceOptions(address, 1), place, adviceFor(check));
  if (source === null) return { source, findings };
  if (address.tls === null && !THIS_MACHINE.test(address.host))
    findings.warn(
      `the way to ${address.host} is not encrypted`,
      'add ?sslmode=verify-full to the address, unless the network between is yours alone.',
    );
  const isWriter = check === 'database';
  if (address.engine === 'postgres') await examinePostgres(source, place, findings, settings, isWriter);
  else await examineMysql(source, place, findings, settings, isWriter);
  return { source, findings };
}

const adviceFor = (check: 'database' | 'replica'): string =>
  `check ${check === 'database' ? 'DATABASE_URL' : 'DATABASE_REPLICA_URLS'}: host, port, user, password and database name; and that the server runs and lets this machine in.`;

async function examineMysql(
  source: DataSource,
  place: string,
  findings: Findings,
  settings: Settings,
  isWriter: boolean,
): Promise<void> {
  const names = `version, character_set_database, collation_database, sql_mode, max_connections, max_allowed_packet, read_only, innodb_flush_log_at_trx_commit, tx_isolation, transaction_isolation`;
  const variables = await source.query<{ Variable_name: string; Value: string }[]>(
    `SHOW VARIABLES WHERE Variable_name IN (${names
      .split(', ')
      .map((name) => `'${name}'`)
      .join(', ')})`,
  );
  const has = Object.fromEntries(
    variables.map(({ Variable_name, Value }) => [Variable_name.toLowerCase(), Value]),
  );
  const version = has['version'] ?? '';
  const isMaria = /mariadb/i.test(version);
  findings.ok(`${isMaria ? 'MariaDB' : 'MySQL'} ${version}, ${place}`);
  const oldest = isMaria ? OLDEST.mariadb : OLDEST.mysql;
  if (isOlder(version, oldest))
    findings.warn(`${version} is older than ${oldest}`, 'upgrade the server: nothing older was tried.');
  if (has['character_set_database'] !== 'utf8mb4')
    findings.warn(
      `the database was made with ${has['character_set_database'] ?? '?'} (${has['collation_database'] ?? '?'})`,
      'our own tables are utf8mb4 whatever it says; ALTER DATABASE … CHARACTER SET utf8mb4 makes it so for others.',
    );
  if (!(has['sql_mode'] ?? '').includes('STRICT_ALL_TABLES'))
    findings.fail(
      'the session is not in strict mode',
      'something between here and the server (a proxy that pools connections?) drops SET SESSION: let it keep sessions.',
    );
  const isolation = has['transaction_isolation'] ?? has['tx_isolation'];
  if (isolation !== undefined && isolation !== 'READ-COMMITTED')
    findings.fail(
      `the session has isolation ${isolation}`,
      'as above: READ COMMITTED is set for each session.',
    );
  if (Number(has['max_allowed_packet']) < LEAST_PACKET_BYTES)
    findings.warn(
      `max_allowed_packet is ${has['max_allowed_packet'] ?? '?'} bytes`,
      'set it to 16M or more: a batch of tracks is one statement.',
    );
  if (!isWriter) return;
  if ((has['read_only'] ?? 'OFF') !== 'OFF')
    findings.fail(
      'the server is read-only',
      'DATABASE_URL has to name the primary: it may be a replica, or failed over.',
    );
  if ((has['innodb_flush_log_at_trx_commit'] ?? '1') !== '1')
    findings.warn(
      `innodb_flush_log_at_trx_commit is ${has['innodb_flush_log_at_trx_commit'] ?? '?'}`,
      'a crash of the server can lose what was answered as stored: set it to 1 (or accept that).',
    );
  examineConnections(Number(has['max_connections']), findings, settings);
}

async function examinePostgres(
  source: DataSource,
  place: string,
  findings: Findings,
  settings: Settings,
  isWriter: boolean,
): Promise<void> {
  const [found = {}] = await source.query<Row[]>(
    `SELECT current_setting('server_version') AS version, current_setting('server_encoding') AS encoding,
       current_setting('default_transaction_read_only') AS read_only, pg_is_in_recovery() AS is_standby,
       current_setting('max_connections') AS connections, current_setting('superuser_reserved_connections') AS reserved,
       current_setting('synchronous_commit') AS synchronous, current_setting('fsync') AS fsync,
       current_setting('lock_timeout') AS lock_timeout, current_setting('TimeZone') AS zone,
       has_schema_privilege(current_schema(), 'CREATE') AS may_create`,
  );
  const text = (name: string): string => String(found[name]);
  findings.ok(`PostgreSQL ${text('version')}, ${place}`);
  if (isOlder(text('version'), OLDEST.postgres))
    findings.warn(
      `${text('version')} is older than ${OLDEST.postgres}`,
      'upgrade the server: nothing older was tried.',
    );
  if (text('encoding') !== 'UTF8')
    findings.fail(
      `the database is in ${text('encoding')}`,
      "make a new one: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0.",
    );
  if (text('zone') !== 'UTC' || text('lock_timeout') !== '5s')
    findings.fail(
      'the session has not the settings that it was opened with',
      'something between here and the server (a pooler?) drops "options": let it keep sessions.',
    );
  if (!isWriter) return;
  if (found['is_standby'] === true || text('read_only') === 'on')
    findings.fail(
      'the server is read-only',
      'DATABASE_URL has to name the primary: it may be a standby, or failed over.',
    );
  if (found['may_create'] !== true)
    findings.fail(
      'the user may make no tables, and so apply no migrations',
      'GRANT CREATE ON SCHEMA public TO the user, or let "deadwax migrate" run as one that may.',
    );
  if (text('fsync') !== 'on' || ['off', 'local'].includes(text('synchronous')))
    findings.warn(
      `fsync is ${text('fsync')}, synchronous_commit is ${text('synchronous')}`,
      'a crash of the server can lose what was answered as stored: set both to on (or accept that).',
    );
  examineConnections(Number(text('connections')) - Number(text('reserved')), findings, settings);
}

function examineConnections(most: number, findings: Findings, { database, workers }: Settings): void {
  const wanted = database.poolSize * workers;
  const advice = 'raise max_connections, or lower DATABASE_POOL_SIZE; mind that each replica opens as many.';
  if (wanted > most)
    findings.fail(`the server allows ${most} connections, and this machine may open ${wanted}`, advice);
  else if (2 * wanted > most)
    findings.warn(
      `the server allows ${most} connections: two replicas, with ${wanted} each, may open more`,
      advice,
    );
}

function isOlder(version: string, oldest: string): boolean {
  return versionNumber(version) < versionNumber(oldest);
}

/** 10.11 is 10,011. */
function versionNumber(version: string): number {
  const [, major = '0', minor = '0'] = /^(\d+)(?:\.(\d+))?/.exec(version) ?? [];
  return Number(major) * 1000 + Number(minor);
}
