import mysql from 'mysql2';
import type { Socket } from 'node:net';
import pg, { type GivenClient } from 'pg';
import type { DataSource } from 'typeorm';
import { takesNoWrites } from '../common/database-error';

/** A database that is gone is told to callers within a second. */
export const CONNECT_TIMEOUT_MS = 900;
export const LOCK_WAIT_SECONDS = 5;
/** A server that is silent for longer than any lock is waited for is as good as gone, and so is its connection. */
const STATEMENT_TIMEOUT_MS = LOCK_WAIT_SECONDS * 1000 + 2000;
/** Migrations build tables and indexes, which takes what it takes. */
const UNLIMITED = /^\s*(CREATE|ALTER|DROP)\b/i;
/** How long a caller waits for one of the connections while others use them all. Who waits in vain is told 503. */
export const POOL_WAIT_MS = 10_000;

interface Connection {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the drivers' many forms of one method
  query: (...args: any[]) => any;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- of prepared statements, where the driver has it
  execute?: (...args: any[]) => any;
}

/**
 * Which connections of a pool may lead to a server that is the primary no more. A server that takes no writes was the primary
 * mostly when they were opened, and the address leads to another one by now; it lets connections stay all the same, and would go
 * on to answer reads as it knows them.
 */
class Generations {
  private now = 0;
  private readonly of = new WeakMap<object, number>();

  /** @param dropIdle closes the connections that nobody uses now */
  constructor(private readonly dropIdle: () => void) {}

  note(connection: object): void {
    this.of.set(connection, this.now);
  }

  /** All connections that are open now are not to be used again. */
  end(): void {
    this.now++;
    this.dropIdle();
  }

  /** As `end`, unless it was ended since this one was opened: many meet the same server at once. */
  endThatOf(connection: object): void {
    if (this.isCurrent(connection)) this.end();
  }

  isCurrent(connection: object): boolean {
    return this.of.get(connection) === this.now;
  }
}

const generations = new WeakMap<object, Generations>();

/** Has every statement from now on go by a new connection: to whichever server the address leads to now. */
export function leaveConnections({ driver }: DataSource): void {
  const { master, pool } = driver as { master?: object; pool?: object };
  const ofPool = master ?? pool;
  if (ofPool !== undefined) generations.get(ofPool)?.end();
}

/**
 * Gives up a connection whose statement takes longer than `STATEMENT_TIMEOUT_MS`: a server that accepts and never
 * answers would otherwise hold its callers for ever, and then the whole pool. Notes servers that take no writes.
 */
function watchStatements(connection: Connection, ofPool: Generations, giveUp: (error: Error) => void): void {
  ofPool.note(connection);
  const noteFailure = (error: unknown) => {
    if (takesNoWrites(error)) ofPool.endThatOf(connection);
  };
  connection.query = watched(connection.query.bind(connection), giveUp, noteFailure);
  if (connection.execute !== undefined)
    connection.execute = watched(connection.execute.bind(connection), giveUp, noteFailure);
}

function watched(
  send: Connection['query'],
  giveUp: (error: Error) => void,
  noteFailure: (error: unknown) => void,
): Connection['query'] {
  return (...args: unknown[]): unknown => {
    const [statement] = args;
    const text = typeof statement === 'string' ? statement : (statement as { sql?: string }).sql;
    if (text === undefined) return send(...args);
    const timer = UNLIMITED.test(text)
      ? undefined
      : setTimeout(() => {
          giveUp(Object.assign(new Error('the database does not answer'), { code: 'ETIMEDOUT' }));
        }, STATEMENT_TIMEOUT_MS);
    const callback = args.at(-1);
    if (typeof callback === 'function') {
      return send(...args.slice(0, -1), (...results: unknown[]) => {
        clearTimeout(timer);
        noteFailure(results[0]);
        (callback as (...results: unknown[]) => void)(...results);
      });
    }
    return (send(...args) as Promise<unknown>)
      .catch((error: unknown) => {
        noteFailure(error);
        throw error;
      })
      .finally(() => {
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
export const mysqlForUs: typeof mysql = {
  ...mysql,
  createPool: (options: mysql.PoolOptions | string) => {
    const pool = mysql.createPool(options as mysql.PoolOptions);
    const { _freeConnections: idle } = pool as unknown as Idle;
    const ofPool = new Generations(() => {
      while (idle.length > 0) idle.get(0).destroy();
    });
    generations.set(pool, ofPool);
    limitWaiting(pool, ofPool);
    pool.on('connection', (connection) => {
      watchStatements(connection, ofPool, (error) => {
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

/** What mysql2 knows of connections that nobody uses; each leaves the queue as it is destroyed. */
interface Idle {
  readonly _freeConnections: { readonly length: number; get(at: number): { destroy(): void } };
}

/**
 * mysql2 lets callers wait for a free connection for ever; ours are told after `POOL_WAIT_MS`, as pg's are. Nobody gets a
 * connection that is to be left.
 */
function limitWaiting(pool: mysql.Pool, ofPool: Generations): void {
  const getConnection = pool.getConnection.bind(pool);
  pool.getConnection = (callback) => {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      const error = Object.assign(new Error('all connections are in use'), { code: 'ETIMEDOUT' });
      callback(error, undefined as never);
    }, POOL_WAIT_MS);
    const ask = () => {
      getConnection((error, connection) => {
        if (error === null && !ofPool.isCurrent(connection)) {
          connection.destroy();
          if (!isLate) ask();
          return;
        }
        clearTimeout(timer);
        if (!isLate) callback(error, connection);
        else if (error === null) connection.release(); // nobody waits for it any more
      });
    };
    ask();
  };
}

/** pg's pool waits for a free connection as long as for a new one to be made; this makes the second wait a short one. */
class ImpatientClient extends pg.Client {
  constructor(options: object) {
    // Inherited, not copied: the pool hides the password from listings, and so from copies.
    super(Object.create(options, { connectionTimeoutMillis: { value: CONNECT_TIMEOUT_MS } }) as object);
    // A connection can report its end twice, the second time to nobody: an event that would end the process.
    this.on('error', () => undefined);
  }
}

/** Hands out no connection that is to be left. */
class PoolOfPrimary extends pg.Pool {
  private readonly ofPool = new Generations(() => {
    for (const { client } of this._idle) client.connection.stream.destroy();
  });

  constructor(options: object) {
    super({ ...options, Client: ImpatientClient });
    generations.set(this, this.ofPool);
    this.on('connect', (client) => {
      watchStatements(client, this.ofPool, (error) => {
        client.connection.stream.destroy(error);
      });
    });
  }

  override connect(callback: GivenClient): void {
    super.connect((error, client, release) => {
      if (client === undefined || this.ofPool.isCurrent(client)) {
        callback(error, client, release);
        return;
      }
      release(true);
      this.connect(callback);
    });
  }
}

/** pg, with a pool of ours. */
export const pgForUs = { ...pg, Pool: PoolOfPrimary };
