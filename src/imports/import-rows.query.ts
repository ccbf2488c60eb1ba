import type { EntityManager } from 'typeorm';
import { ImportRow } from './entities/import-row.entity';

/** SQLite binds 32,766 values at most. */
const ROWS_A_STATEMENT = 1000;

/** Inserts rows of imports by statements of many rows, at most 1,000 in all: TypeORM's builder takes several times as long. */
export async function insertImportRows(manager: EntityManager, rows: readonly ImportRow[]): Promise<void> {
  if (rows.length === 0 || rows.length > ROWS_A_STATEMENT) {
    if (rows.length > 0) throw new Error('too many rows for one statement');
    return;
  }
  const { driver } = manager.dataSource;
  const { tableName, columns } = manager.dataSource.getMetadata(ImportRow);
  const names = columns.map(({ databaseName }) => driver.escape(databaseName)).join(', ');
  const values: unknown[] = [];
  const tuples = rows.map((row) => {
    const places = columns.map((column) => {
      const value = row[column.propertyName as keyof ImportRow];
      values.push(value instanceof Date ? value.getTime() : value);
      return driver.createParameter('', values.length - 1);
    });
    return `(${places.join(',')})`;
  });
  await manager.query(
    `INSERT INTO ${driver.escape(tableName)} (${names}) VALUES ${tuples.join(',')}`,
    values,
  );
}
