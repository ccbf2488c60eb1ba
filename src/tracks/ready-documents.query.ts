import type Database from 'better-sqlite3';
import type mysql from 'mysql2';
import type { Pool } from 'pg';
import type { EntityManager } from 'typeorm';
import { telemetry } from '../common/telemetry';
import { placesOf } from './rows.query';

/** A track's document as it is stored, and whether albums or artists are changed whose documents are not mended yet. */
export interface ReadyDocument {
  readonly isrc: string;
  readonly body: string | null;
  readonly tag: string | null;
  /** Of all rows of one answer alike; null where nothing is changed. */
  readonly changed: string | null;
}

/** What TypeORM's drivers hold of the libraries below them, while they are connected. */
interface Connected {
  readonly pool?: mysql.Pool;
  readonly master?: Pool;
  readonly databaseConnection?: Database.Database;
}

/** Numbers of keys that a statement is prepared for; what is left over of them is filled with the last key. */
const SIZES = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

const SELECT = `SELECT isrc, document AS body, document_tag AS tag, (SELECT kind FROM owner_change LIMIT 1) AS changed
 FROM track WHERE isrc`;
const BY_PLACES = new Map(
  SIZES.map((size) => [size, `${SELECT} IN (${Array<string>(size).fill('?').join(',')})`]),
);
/** Without a name: one that a connection remembers is lost behind a pooler that shares connections. */
const BY_ARRAY = `${SELECT} = ANY($1::varchar[])`;

/**
 * The stored ones among at most 1,024 `isrcs`, by one statement that the driver itself prepares and sends: TypeORM's layers take
 * longer than all the rest of such a read. Within a transaction, and on the connection that writes to SQLite, whose turns its
 * query runner keeps, TypeORM does it.
 */
export function selectReadyDocuments(
  manager: EntityManager,
  isrcs: readonly string[],
): Promise<readonly ReadyDocument[]> {
  const { driver, options } = manager.dataSource;
  if (isrcs.length === 0) return Promise.resolve([]);
  // TypeORM's statements are seen by whoever traces them; these are only timed.
  if (manager.queryRunner === undefined && !telemetry.followsWork) {
    const { pool, master, databaseConnection } = driver as unknown as Connected;
    if (pool !== undefined) return timed(byMysql(pool, isrcs));
    if (master !== undefined) return timed(byPostgres(master, isrcs));
    if (databaseConnection?.open === true && 'readonly' in options && options.readonly) {
      return timed(bySqlite(databaseConnection, isrcs));
    }
  }
  return manager.query<ReadyDocument[]>(`${SELECT} IN (${placesOf(manager, isrcs)})`, [...isrcs]);
}

async function timed<T>(statement: Promise<T>): Promise<T> {
  const startedMs = performance.now();
  let hasFailed = true;
  try {
    const rows = await statement;
    hasFailed = false;
    return rows;
  } finally {
    const seconds = (performance.now() - startedMs) / 1000;
    telemetry.noteStatement({ text: SELECT, verb: 'SELECT', seconds, hasFailed });
  }
}

function byMysql(pool: mysql.Pool, isrcs: readonly string[]): Promise<readonly ReadyDocument[]> {
  return new Promise((resolve, reject) => {
    pool.getConnection((failure, connection) => {
      if (failure !== null) {
        reject(failure);
        return;
      }
      const [statement, keys] = preparedFor(isrcs);
      connection.execute<(mysql.RowDataPacket & ReadyDocument)[]>(statement, keys, (error, rows) => {
        connection.release();
        if (error === null) resolve(rows);
        else reject(error);
      });
    });
  });
}

async function byPostgres(pool: Pool, isrcs: readonly string[]): Promise<readonly ReadyDocument[]> {
  const { rows } = await pool.query(BY_ARRAY, [isrcs]);
  return rows as ReadyDocument[];
}

const prepared = new WeakMap<Database.Database, Map<string, Database.Statement<string[], ReadyDocument>>>();

/** Not at once, so that failing is a rejection here as on servers. */
// eslint-disable-next-line @typescript-eslint/require-await -- see above
async function bySqlite(
  database: Database.Database,
  isrcs: readonly string[],
): Promise<readonly ReadyDocument[]> {
  let statements = prepared.get(database);
  if (statements === undefined) {
    statements = new Map();
    prepared.set(database, statements);
  }
  const [text, keys] = preparedFor(isrcs);
  let statement = statements.get(text);
  if (statement === undefined) {
    statement = database.prepare<string[], ReadyDocument>(text);
    statements.set(text, statement);
  }
  return statement.all(...keys);
}

function preparedFor(isrcs: readonly string[]): [string, string[]] {
  const size = SIZES.find((each) => each >= isrcs.length) ?? 0;
  const statement = BY_PLACES.get(size);
  const last = isrcs.at(-1);
  if (statement === undefined || last === undefined) throw new Error(`${isrcs.length} keys in one statement`);
  const keys = [...isrcs];
  while (keys.length < size) keys.push(last);
  return [statement, keys];
}
