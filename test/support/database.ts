import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createConnection } from 'mysql2/promise';
import { Client } from 'pg';

const run = promisify(execFile);

/** A database of a suite's own, empty at first. */
export interface TestDatabase {
  /** As `DATABASE_URL` wants it. */
  readonly url: string;
  readonly engine: typeof DATABASE_ENGINE;
  /** Removes it with all that it holds, whoever is still connected. */
  drop(): Promise<void>;
}

const CREATE = { sqlite: createFile, mariadb: createOnMariadb, postgres: createOnPostgres };

/**
 * Makes a fresh database on the engine of the Jest project that runs. Drop it in `afterAll`, after the app is closed.
 * `DEADWAX_TEST_MIGRATED_BY` names a built command line (`dist/cli/main.js`) of another version that brings it up to its own schema
 * first: so scripts/test-previous.sh sees whether this version works on that.
 */
export async function createTestDatabase(): Promise<TestDatabase> {
  const database = await CREATE[DATABASE_ENGINE]();
  const other = process.env['DEADWAX_TEST_MIGRATED_BY'];
  if (other !== undefined)
    await run(process.execPath, [other, 'migrate'], {
      env: { PATH: process.env['PATH'], DATABASE_URL: database.url },
    });
  return database;
}

async function createFile(): Promise<TestDatabase> {
  const folder = await mkdtemp(join(tmpdir(), 'deadwax-sqlite-'));
  return {
    url: `sqlite:${join(folder, 'deadwax.db')}`,
    engine: 'sqlite',
    drop: () => rm(folder, { recursive: true, force: true }),
  };
}

async function createOnMariadb(): Promise<TestDatabase> {
  const server = serverAddress('DEADWAX_TEST_MARIADB_URL');
  const name = freshName();
  const run = async (statement: string) => {
    const connection = await createConnection(server.href);
    try {
      // A transaction left open would otherwise hold up the drop for a day.
      await connection.query('SET SESSION lock_wait_timeout = 5');
      await connection.query(statement);
    } finally {
      await connection.end();
    }
  };
  await run(`CREATE DATABASE ${name}`);
  return {
    url: addressOf(server, name).replace(/^mysql:/, 'mariadb:'),
    engine: 'mariadb',
    drop: () => run(`DROP DATABASE IF EXISTS ${name}`),
  };
}

async function createOnPostgres(): Promise<TestDatabase> {
  const server = serverAddress('DEADWAX_TEST_POSTGRES_URL');
  const name = freshName();
  const run = async (statement: string) => {
    const client = new Client({ connectionString: addressOf(server, 'postgres') });
    await client.connect();
    try {
      await client.query(statement);
    } finally {
      await client.end();
    }
  };
  // template0 has no visitors; template1 cannot be copied while somebody is connected to it.
  await run(`CREATE DATABASE ${name} TEMPLATE template0`);
  return {
    url: addressOf(server, name),
    engine: 'postgres',
    drop: () => run(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
}

const freshName = () => `deadwax_${randomBytes(6).toString('hex')}`;

function addressOf(server: URL, database: string): string {
  const url = new URL(server);
  url.pathname = `/${database}`;
  return url.href;
}

function serverAddress(variable: string): URL {
  const address = process.env[variable];
  if (!address)
    throw new Error(`${variable} is not set: the servers of the tests are started by \`npm test\`.`);
  return new URL(address);
}
