import type Database from 'better-sqlite3';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
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
import { CONNECT_TIMEOUT_MS, mysqlForUs, POOL_WAIT_MS, pgForUs, LOCK_WAIT_SECONDS } from './server-pools';
import { installSqliteGate } from './sqlite-gate';

/** Where nobody says how many connections a process may have: commands and tests. */
const CONNECTIONS = 10;
/** better-sqlite3 waits inside the call and blocks the event loop: short here, patient in the gate. */
const SQLITE_BUSY_TIMEOUT_MS = 5;

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
      driver: pgForUs,
      applicationName: 'deadwax',
      poolSize,
      poolErrorHandler: () => undefined, // an idle connection that breaks is replaced; its user-to-be sees nothing
      extra: {
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
    driver: mysqlForUs,
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
