import Sqlite from 'better-sqlite3';
import { existsSync } from 'node:fs';
import { createConnection } from 'mysql2/promise';
import { Client } from 'pg';
import { createTestDatabase, type TestDatabase } from '../support/database';

/** The databases that all other suites run on: each project reaches the engine that it is named after. */
describe('the database of this project', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  it('is on the engine that the project names', async () => {
    expect(database.engine).toBe(DATABASE_ENGINE);
    const versionQuery = {
      sqlite: 'SELECT sqlite_version() AS v',
      mariadb: 'SELECT version() AS v',
      postgres: 'SELECT version() AS v',
    };
    const version = { sqlite: /^3\.\d+/, mariadb: /MariaDB/, postgres: /^PostgreSQL 1\d/ };
    expect(await ask(database.url, versionQuery[database.engine])).toMatch(version[database.engine]);
  });

  it('is on a server of our own that reads no time as UTC, or is a file', async () => {
    const place = {
      sqlite: `SELECT file FROM pragma_database_list WHERE name = 'main'`,
      mariadb: 'SELECT @@datadir AS v',
      postgres: `SELECT current_setting('data_directory') AS v`,
    };
    expect(await ask(database.url, place[database.engine])).toContain(`/deadwax-${database.engine}-`);
    const zone = {
      sqlite: `SELECT strftime('%H:%M', '2026-01-01 00:00', 'localtime')`,
      mariadb: `SELECT TIME_FORMAT(FROM_UNIXTIME(1767225600), '%H:%i')`,
      postgres: `SELECT to_char(to_timestamp(1767225600), 'HH24:MI')`,
    };
    const midnightUtc = { sqlite: '20:30', mariadb: '05:45', postgres: '05:45' };
    expect(await ask(database.url, zone[database.engine])).toBe(midnightUtc[database.engine]);
  });

  it('is empty, apart from any other, and gone once dropped', async () => {
    const other = await createTestDatabase();
    try {
      expect(other.url).not.toBe(database.url);
      await ask(other.url, 'CREATE TABLE t (id integer)');
      await ask(other.url, 'INSERT INTO t VALUES (1)');
      // By its text: the addon's errors are of the first test file in a worker that loaded it, and no Error to the others.
      await expect(ask(database.url, 'SELECT id FROM t')).rejects.toMatchObject({
        message: expect.stringMatching(/no such table|doesn't exist|does not exist/) as string,
      });
    } finally {
      await other.drop();
    }
    if (other.engine === 'sqlite') expect(existsSync(other.url.slice('sqlite:'.length))).toBe(false);
    else await expect(ask(other.url, 'SELECT 1')).rejects.toThrow(/[Uu]nknown database|does not exist/);
  });
});

/** The first value of the first row, by the engine's bare driver. */
async function ask(url: string, statement: string): Promise<unknown> {
  switch (DATABASE_ENGINE) {
    case 'sqlite': {
      const file = new Sqlite(url.slice('sqlite:'.length));
      try {
        const prepared = file.prepare<[], Record<string, unknown>>(statement);
        if (!prepared.reader) return void prepared.run();
        return firstValue(prepared.all());
      } finally {
        file.close();
      }
    }
    case 'mariadb': {
      const connection = await createConnection(url);
      try {
        const [rows] = await connection.query(statement);
        return firstValue(rows);
      } finally {
        await connection.end();
      }
    }
    case 'postgres': {
      const client = new Client({ connectionString: url });
      await client.connect();
      try {
        return firstValue((await client.query(statement)).rows);
      } finally {
        await client.end();
      }
    }
  }
}

function firstValue(rows: unknown): unknown {
  return Array.isArray(rows) ? Object.values((rows[0] ?? {}) as Record<string, unknown>)[0] : undefined;
}
