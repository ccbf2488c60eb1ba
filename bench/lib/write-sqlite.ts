/** A process of its own: `write-sqlite.ts FILE TRACKS` makes the database of the Express and SQLite script. */
import Database from 'better-sqlite3';
import { typicalRowsOf } from './typical-rows';
import { TYPICAL_NAMES, TYPICAL_TABLES } from './typical-schema';

const ROWS_A_TRANSACTION = 20_000;

const [path = ':memory:', tracks = '0'] = process.argv.slice(2);
const database = new Database(path);
database.pragma('journal_mode = WAL');
database.pragma('synchronous = OFF');
const tables = TYPICAL_NAMES.filter((name) => name !== 'documents').map((name) => {
  const { columns, sqlite } = TYPICAL_TABLES[name];
  database.exec(`CREATE TABLE ${name} (${sqlite})`);
  return {
    name,
    insert: database.prepare(`INSERT INTO ${name} VALUES (${columns.map(() => '?').join(', ')})`),
  };
});
for (let n = 0; n < Number(tracks); n += 1) {
  if (n % ROWS_A_TRANSACTION === 0) database.exec(n === 0 ? 'BEGIN' : 'COMMIT; BEGIN');
  const rows = typicalRowsOf(n);
  for (const { name, insert } of tables) for (const row of rows[name]) insert.run(row);
}
database.exec('COMMIT; ANALYZE');
database.close();
