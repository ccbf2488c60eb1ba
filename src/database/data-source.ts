import type Database from 'better-sqlite3';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import mysql from 'mysql2';
import type { Socket } from 'node:net';
import { dirname } from 'node:path';
import { Client } from 'pg';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { ApiToken } from '../auth/entities/api-token.entity';
import { AuditEvent } from '../auth/entities/audit-event.entity';
import { AuthVersion } from '../auth/entities/auth-version.entity';
import type { DatabaseAddress } from '../config/database-url';
import { IdempotentCall } from '../idempotency/entities/idempotent-call.entity';
import { ImportFlight } from '../imports/entities/import-flight.entity';
import { ImportRow } from '../imports/entities/import-row.entity';
import { Import } from '../imports/entities/import.entity';
import { UpstreamBudget } from '../spotify/entities/upstream-budget.entity';
import { Album } from '../tracks/entities/album.entity';
import { Artist } from '../tracks/entities/artist.entity';
import { Candidate } from '../tracks/entities/candidate.entity';
import { ArtistNameGram } from '../tracks/entities/name-gram.entity';
import { OwnerChange } from '../tracks/entities/owner-change.entity';
import { RecordingMiss } from '../tracks/entities/recording-miss.entity';
import { TrackArtist } from '../tracks/entities/track-artist.entity';
import { TrackWord } from '../tracks/entities/track-word.entity';
import { Track } from '../tracks/entities/track.entity';
import { WordEnding } from '../tracks/entities/word-ending.entity';
import { ReplicaBeat } from './entities/replica-beat.entity';
import { Initial1795305600000 } from './migrations/1795305600000-initial';
import { UpstreamBudget1795309200000 } from './migrations/1795309200000-upstream-budget';
import { ApiTokenLifecycle1795400000000 } from './migrations/1795400000000-api-token-lifecycle';
import { Idempotency1795401000000 } from './migrations/1795401000000-idempotency';
import { TrackDocument1795410000000 } from './migrations/1795410000000-track-document';
import { NameIndex1795420000000 } from './migrations/1795420000000-name-index';
import { Imports1795430000000 } from './migrations/1795430000000-imports';
import { followStatements } from './followed-statements';
import { WordEnding1795500000000 } from './migrations/1795500000000-word-ending';
import { ImportFlight1795600000000 } from './migrations/1795600000000-import-flight';
import { installSqliteGate } from './sqlite-gate';

/** Where nobody says how many connections a process may have: commands and tests. */
const CONNECTIONS = 10;
/** A database that is gone is told to callers within a second. */
const CONNECT_TIMEOUT_MS = 900;
/** better-sqlite3 waits inside the call and blocks the event loop: short here, patient in the gate. */
const SQLITE_BUSY_TIMEOUT_MS = 5;
const LOCK_WAIT_SECONDS = 5;
/** A server that is silent for longer than any lock is waited for is as good as gone, and so is its connection. */
const STATEMENT_TIMEOUT_MS = LOCK_WAIT_SECONDS * 1000 + 2000;
/** Migrations build tables and indexes, which takes what it takes. */
const UNLIMITED = /^\s*(CREATE|ALTER|DROP)\b/i;
/** How long a caller waits for one of the connections while others use them all. Who waits in vain is told 503. */
const POOL_WAIT_MS = 10_000;

const COMMON = {
  entities: [
    Track,
    Album,
    Artist,
    TrackArtist,
    Candidate,
    ArtistNameGram,
    TrackWord,
    WordEnding,
    RecordingMiss,
    OwnerChange,
    ApiToken,
    AuthVersion,
    AuditEvent,
    UpstreamBudget,
    IdempotentCall,
    ReplicaBeat,
    Import,
    ImportRow,
    ImportFlight,
  ],
  migrations: [
    Initial1795305600000,
    UpstreamBudget1795309200000,
    ApiTokenLifecycle1795400000000,
    Idempotency1795401000000,
    TrackDocument1795410000000,
    NameIndex1795420000000,
    Imports1795430000000,
    WordEnding1795500000000,
    ImportFlight1795600000000,
  ],
  migrationsTransactionMode: 'each',
  synchronize: false,
  migrationsRun: false,
  logging: false,
} as const satisfies Partial<DataSourceOptions>;

/**
 * The options of TypeORM for an address, with at most `poolSize` connections to a server; engine differences of the
 * connection are named here and nowhere else.
 */
export function toDataSourceOptions(address: DatabaseAddress, poolSize = CONNECTIONS): DataSourceOptions {
  if (address.engine === 'sqlite') {
    return {
      ...COMMON,
      type: 'better-sqlite3',
      database: address.path,
      enableWAL: true,
      timeout: SQLITE_BUSY_TIMEOUT_MS,
      prepareDatabase: (database: unknown) => {
        // With WAL, NORMAL loses no consistency, and durability of the last commits only on a power cut.
        (database as Database.Database).pragma('synchronous = NORMAL');
      },
    };
  }
  const { host, port, user: username, password, database, tls } = address;
  const server = { ...COMMON, host, port, username, password, database };
  const certificate =
    tls === null ? {} : { ssl: { rejectUnauthorized: true, ...(tls.ca === null ? {} : { ca: tls.ca }) } };
  if (address.engine === 'postgres') {
    return {
      ...server,
      ...certificate,
      type: 'postgres',
      applicationName: 'deadwax',
      poolSize,
      poolErrorHandler: () => undefined, // an idle connection that breaks is replaced; its user-to-be sees nothing
      extra: {
        Client: ImpatientClient,
        connectionTimeoutMillis: POOL_WAIT_MS,
        options: `-c timezone=UTC -c lock_timeout=${LOCK_WAIT_SECONDS}s`,
      },
    };
  }
  return {
    ...server,
    ...certificate,
    type: address.engine,
    charset: 'UTF8MB4_BIN',
    timezone: 'Z',
    poolSize,
    connectTimeout: CONNECT_TIMEOUT_MS,
    driver: mysqlWithSession,
  };
}

/** pg's pool waits for a free connection as long as for a new one to be made; this makes the second wait a short one. */
class ImpatientClient extends Client {
  constructor(options: object) {
    // Inherited, not copied: the pool hides the password from listings, and so from copies.
    super(Object.create(options, { connectionTimeoutMillis: { value: CONNECT_TIMEOUT_MS } }) as object);
    // A connection can report its end twice, the second time to nobody: an event that would end the process.
    this.on('error', () => undefined);
    limitStatements(this, (error) => {
      this.connection.stream.destroy(error);
    });
  }
}

interface Connection {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the drivers' many forms of one method
  query: (...args: any[]) => any;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- of prepared statements, where the driver has it
  execute?: (...args: any[]) => any;
}

/**
 * Gives up a connection whose statement takes longer than `STATEMENT_TIMEOUT_MS`: a server that accepts and never
 * answers would otherwise hold its callers for ever, and then the whole pool.
 */
function limitStatements(connection: Connection, giveUp: (error: Error) => void): void {
  connection.query = limited(connection.query.bind(connection), giveUp);
  if (connection.execute !== undefined) {
    connection.execute = limited(connection.execute.bind(connection), giveUp);
  }
}

function limited(send: Connection['query'], giveUp: (error: Error) => void): Connection['query'] {
  return (...args: unknown[]): unknown => {
    const [statement] = args;
    const text = typeof statement === 'string' ? statement : (statement as { sql?: string }).sql;
    if (text === undefined || UNLIMITED.test(text)) return send(...args);
    const timer = setTimeout(() => {
      giveUp(Object.assign(new Error('the database does not answer'), { code: 'ETIMEDOUT' }));
    }, STATEMENT_TIMEOUT_MS);
    const callback = args.at(-1);
    if (typeof callback === 'function') {
      return send(...args.slice(0, -1), (...results: unknown[]) => {
        clearTimeout(timer);
        (callback as (...results: unknown[]) => void)(...results);
      });
    }
    return (send(...args) as Promise<unknown>).finally(() => {
      clearTimeout(timer);
    });
  };
}

const SESSION = [
  `SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', time_zone = '+00:00', innodb_lock_wait_timeout = ${LOCK_WAIT_SECONDS}`,
  'SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED', // a variable by different names on MySQL and MariaDB
];

/**
 * mysql2, with every new connection put into the session that the schema relies on: strict mode (an overlong value is an
 * error, not cut), UTC, and READ COMMITTED (no gap locks, so that upserts of neighbours do not deadlock).
 */
const mysqlWithSession: typeof mysql = {
  ...mysql,
  createPool: (options: mysql.PoolOptions | string) => {
    const pool = mysql.createPool(options as mysql.PoolOptions);
    limitWaiting(pool);
    pool.on('connection', (connection) => {
      limitStatements(connection, (error) => {
        (connection as unknown as { stream: Socket }).stream.destroy(error);
        connection.destroy();
      });
      for (const statement of SESSION) {
        connection.query(statement, (error) => {
          if (error !== null) connection.destroy(); // its user-to-be gets an error rather than another session's rules
        });
      }
    });
    return pool;
  },
};

/** mysql2 lets callers wait for a free connection for ever; ours are told after `POOL_WAIT_MS`, as pg's are. */
function limitWaiting(pool: mysql.Pool): void {
  const getConnection = pool.getConnection.bind(pool);
  pool.getConnection = (callback) => {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      const error = Object.assign(new Error('all connections are in use'), { code: 'ETIMEDOUT' });
      callback(error, undefined as never);
    }, POOL_WAIT_MS);
    getConnection((error, connection) => {
      clearTimeout(timer);
      if (!isLate) callback(error, connection);
      else if (error === null) connection.release(); // nobody waits for it any more
    });
  };
}

/** A data source for an address, not yet connected. */
export function createDataSource(options: DataSourceOptions): DataSource {
  const dataSource = new DataSource(options);
  if (options.type === 'better-sqlite3') installSqliteGate(dataSource);
  followStatements(dataSource);
  return dataSource;
}

/** A data source that only reads: a replica, or a second connection to the file of SQLite. Not yet connected. */
export function createReadSource(address: DatabaseAddress, poolSize: number): DataSource {
  const options = toDataSourceOptions(address, poolSize);
  const dataSource = new DataSource(
    options.type === 'better-sqlite3'
      ? // No gate: in WAL mode, readers and the writer do not wait for each other. The writer has set that mode.
        { ...options, readonly: true, enableWAL: false, prepareDatabase: () => undefined }
      : options,
  );
  followStatements(dataSource);
  return dataSource;
}

/** Makes the file of an SQLite database and its folder, readable to this user alone: it holds token hashes. */
export function prepareFile(address: DatabaseAddress): void {
  if (address.engine !== 'sqlite' || address.path === ':memory:') return;
  mkdirSync(dirname(address.path), { recursive: true, mode: 0o700 });
  closeSync(openSync(address.path, 'a', 0o600)); // the files that SQLite puts beside it take its mode
}
