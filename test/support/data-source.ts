import type { DataSource } from 'typeorm';
import { parseDatabaseUrl } from '../../src/config/database-url';
import { createDataSource, toDataSourceOptions } from '../../src/database/data-source';
import { migrate } from '../../src/database/migrator';

/** Connects as the app does, without the app; the schema is left as it is. */
export async function openDataSource(url: string): Promise<DataSource> {
  const parsed = parseDatabaseUrl(url);
  if ('fault' in parsed) throw new Error(parsed.fault);
  return createDataSource(toDataSourceOptions(parsed.address)).initialize();
}

/** Connects and brings the schema up to date. */
export async function openMigrated(url: string): Promise<DataSource> {
  const dataSource = await openDataSource(url);
  await migrate(dataSource);
  return dataSource;
}

/** The rows of a statement; its columns as the engine's driver gives them. */
export async function rowsOf<Row extends object>(dataSource: DataSource, statement: string): Promise<Row[]> {
  const rows: unknown = await dataSource.query(statement);
  if (!Array.isArray(rows)) throw new Error('the statement gives no rows');
  return rows as Row[];
}
