import type { QueryRunner, TableColumnOptions } from 'typeorm';

type More = Partial<TableColumnOptions>;

/** Collations of MariaDB and MySQL (from 8.0.17) that compare by code point and let no trailing blank be lost. */
const WITHOUT_PADDING = ['utf8mb4_nopad_bin', 'utf8mb4_0900_bin'];

/** What makes text compare by code point, by engine (`common/columns.ts` says why). */
async function byCodePoint(runner: QueryRunner): Promise<More> {
  const { type } = runner.dataSource.options;
  if (type === 'postgres') return { collation: 'C' };
  if (type === 'better-sqlite3') return {};
  const known = (await runner.query(
    `SELECT collation_name AS name FROM information_schema.collations WHERE collation_name IN ('${WITHOUT_PADDING.join("', '")}')`,
  )) as { name: string }[];
  // Else `a` and `a ` are one key.
  return { charset: 'utf8mb4', collation: known[0]?.name ?? 'utf8mb4_bin' };
}

/** The column types of the schema for the engine of this runner: one migration set serves all. */
export async function columnsFor(runner: QueryRunner) {
  const { driver } = runner.dataSource;
  const isSqlite = driver.options.type === 'better-sqlite3';
  const textual = await byCodePoint(runner);
  return {
    code: (name: string, length: number, more: More = {}): TableColumnOptions => ({
      name,
      type: 'varchar',
      length: String(length),
      ...textual,
      ...more,
    }),
    text: (name: string, more: More = {}): TableColumnOptions => ({
      name,
      type: 'text',
      ...textual,
      ...more,
    }),
    json: (name: string, more: More = {}): TableColumnOptions => ({
      name,
      type: 'text',
      ...textual,
      ...more,
    }),
    moment: (name: string, more: More = {}): TableColumnOptions => ({ name, type: 'bigint', ...more }),
    integer: (name: string, more: More = {}): TableColumnOptions => ({
      name,
      type: isSqlite ? 'integer' : 'int',
      ...more,
    }),
    long: (name: string, more: More = {}): TableColumnOptions => ({ name, type: 'bigint', ...more }),
    small: (name: string, more: More = {}): TableColumnOptions => ({ name, type: 'smallint', ...more }),
    flag: (name: string, more: More = {}): TableColumnOptions => ({
      name,
      type: driver.normalizeType({ type: 'boolean' }),
      ...more,
    }),
  };
}
