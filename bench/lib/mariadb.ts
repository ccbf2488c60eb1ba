import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import mysql from 'mysql2/promise';
import { runScript } from './processes';
import { shardsOf } from './shards';
import { TYPICAL_NAMES, TYPICAL_TABLES, type TypicalTable } from './typical-schema';

/**
 * A private server starts with the tests' settings, which are thrifty. For measuring it gets what an operator would give
 * it: a buffer pool that holds the data, a log that does not force checkpoints. Durability is off from the start
 * (`innodb_flush_log_at_trx_commit=0`, no double write), for all that write, LOAD DATA included.
 */
const TUNING = {
  innodb_buffer_pool_size: '4G',
  innodb_log_file_size: '2G',
  max_connections: '600',
  table_open_cache: '2000',
} as const;

/** @param quickly a small data set needs no large pool */
export async function tune(url: string, quickly: boolean): Promise<void> {
  const connection = await mysql.createConnection(url);
  for (const [name, value] of Object.entries(TUNING)) {
    const amount = quickly && value.endsWith('G') ? '512M' : value;
    await connection.query(`SET GLOBAL ${name} = ${bytesOf(amount)}`);
  }
  await connection.end();
}

function bytesOf(text: string): number {
  return parseInt(text, 10) * (text.endsWith('G') ? 2 ** 30 : text.endsWith('M') ? 2 ** 20 : 1);
}

export async function versionOf(url: string): Promise<string> {
  const connection = await mysql.createConnection(url);
  const [rows] = await connection.query<mysql.RowDataPacket[]>('SELECT VERSION() AS version');
  await connection.end();
  return `MariaDB ${String(rows[0]?.['version']).split('-')[0] ?? ''}`;
}

/** Makes an empty database, in place of one of this name. */
export async function makeDatabase(server: string, name: string): Promise<string> {
  const connection = await mysql.createConnection(server);
  await connection.query(`DROP DATABASE IF EXISTS ${name}`);
  await connection.query(`CREATE DATABASE ${name} CHARACTER SET utf8mb4 COLLATE utf8mb4_bin`);
  await connection.end();
  return new URL(name, server).href;
}

/** Writes the peers' rows of the first `tracks` tracks as files, readable to the database server. */
export async function writeTableFiles(folder: string, tracks: number): Promise<void> {
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const script = join(__dirname, 'write-tables.ts');
  await Promise.all(
    shardsOf(tracks).map(({ from, to }) => runScript(script, [folder, String(from), String(to)])),
  );
}

/** The database's own bulk load, whole files on the server's side, several tables at a time. */
export async function loadTableFiles(
  url: string,
  folder: string,
  tracks: number,
  names: readonly TypicalTable[],
): Promise<void> {
  await Promise.all(
    names.map(async (name) => {
      const connection = await mysql.createConnection(url);
      await connection.query('SET unique_checks = 0, foreign_key_checks = 0');
      for (const { from } of shardsOf(tracks)) {
        await connection.query(
          `LOAD DATA INFILE ? INTO TABLE ${name} CHARACTER SET utf8mb4 FIELDS TERMINATED BY '\\t' ESCAPED BY '\\\\' (${TYPICAL_TABLES[name].columns.join(', ')})`,
          [join(folder, `${name}-${from}.tsv`)],
        );
      }
      await connection.end();
    }),
  );
}

export async function createTypicalTables(url: string): Promise<void> {
  const connection = await mysql.createConnection(url);
  for (const name of TYPICAL_NAMES) {
    await connection.query(`CREATE OR REPLACE TABLE ${name} (${TYPICAL_TABLES[name].mariadb})`);
  }
  await connection.end();
}

/** Statistics as the optimiser sees them after a large load. */
export async function analyse(url: string): Promise<void> {
  const connection = await mysql.createConnection(url);
  const [tables] = await connection.query<mysql.RowDataPacket[]>('SHOW TABLES');
  for (const table of tables) await connection.query(`ANALYZE TABLE ${String(Object.values(table)[0])}`);
  await connection.end();
}
