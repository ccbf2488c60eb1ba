import { spawn } from 'node:child_process';
import { createReadStream, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import Database from 'better-sqlite3';
import mysql from 'mysql2/promise';
import { runScript } from '../lib/processes';
import { shardsOf } from '../lib/shards';
import { SEARCH_TABLES, type SearchTable } from './search-tables';

const ROWS_A_TRANSACTION = 50_000;

/**
 * Writes the rows of the first `tracks` tracks, each table's in the order of its key: much faster than saving them, and the
 * same rows (a test of the service compares what it saves with what the same functions say).
 */
export async function writeSearchFiles(folder: string, tracks: number): Promise<void> {
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const script = join(__dirname, 'write-rows.ts');
  await Promise.all(
    shardsOf(tracks).map(({ from, to }) => runScript(script, [folder, String(from), String(to)])),
  );
  for (const table of SEARCH_TABLES) await sortFiles(folder, table);
}

/** One file of the several, in order, each line once. Guests are told by two processes where shards meet. */
async function sortFiles(folder: string, table: SearchTable): Promise<void> {
  const parts = readdirSync(folder).filter((name) => new RegExp(`^${table}-\\d+\\.tsv$`).test(name));
  const paths = parts.map((name) => join(folder, name));
  const child = spawn('sort', ['-u', '-S', '512M', '-T', folder, '-o', pathOf(folder, table), ...paths], {
    env: { PATH: process.env['PATH'], LC_ALL: 'C' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  if (code !== 0) throw new Error(`sort ended with ${String(code)}`);
  for (const path of paths) rmSync(path);
}

const pathOf = (folder: string, table: SearchTable) => join(folder, `${table}.tsv`);

/** Loads the files into a migrated, empty database that reads files of this machine. */
export async function loadIntoMariadb(url: string, folder: string): Promise<void> {
  await Promise.all(
    SEARCH_TABLES.map(async (table) => {
      const connection = await mysql.createConnection(url.replace(/^mariadb:/, 'mysql:'));
      await connection.query('SET unique_checks = 0, foreign_key_checks = 0');
      await connection.query(
        `LOAD DATA INFILE ? IGNORE INTO TABLE ${table} CHARACTER SET utf8mb4 FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\'`,
        [pathOf(folder, table)],
      );
      await connection.query(`ANALYZE TABLE ${table}`);
      await connection.end();
    }),
  );
}

export async function loadIntoSqlite(path: string, folder: string): Promise<void> {
  const database = new Database(path);
  database.pragma('synchronous = OFF');
  for (const table of SEARCH_TABLES) {
    const columns = database.prepare(`SELECT * FROM ${table}`).columns();
    const insert = database.prepare(
      `INSERT OR IGNORE INTO ${table} VALUES (${columns.map(() => '?').join(', ')})`,
    );
    let rows = 0;
    database.exec('BEGIN');
    for await (const line of createInterface({ input: createReadStream(pathOf(folder, table)) })) {
      insert.run(line.split('\t').map((text) => (text === '\\N' ? null : text.replaceAll('\\n', '\n'))));
      if (++rows % ROWS_A_TRANSACTION === 0) database.exec('COMMIT; BEGIN');
    }
    database.exec('COMMIT');
  }
  database.exec('ANALYZE');
  database.close();
}
