import type { QueryRunner, TableColumnOptions } from 'typeorm';

type More = Partial<TableColumnOptions>;

/** What makes text compare by code point, by engine (`common/columns.ts` says why). */
function byCodePoint(runner: QueryRunner): More {
  const { type } = runner.dataSource.options;
  if (type === 'postgres') return { collation: 'C' };
  return type === 'better-sqlite3' ? {} : { charset: 'utf8mb4', collation: 'utf8mb4_bin' };
}

/** The column types of the schema for the engine of this runner: one migration set serves all. */
export function columnsFor(runner: QueryRunner) {
  const { driver } = runner.dataSource;
  const isSqlite = driver.options.type === 'better-sqlite3';
  const textual = byCodePoint(runner);
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
