import type { EntityManager, EntityMetadata, ObjectLiteral } from 'typeorm';
import type { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata';

/** SQLite binds at most 32,766 values, PostgreSQL 65,535. */
const VALUES_A_STATEMENT = 30_000;
/** Longer statements gain nothing any more. */
const ROWS_A_STATEMENT = 500;
/** Keys of one `IN`. */
const KEYS_A_STATEMENT = 1000;

/** What becomes of a row whose key is there: an error, the old row, or these properties of the new one. */
type OnConflict<Row> = 'fail' | 'keep' | readonly (keyof Row & string)[];

/**
 * Inserts rows by multi-row statements, made from the entity's columns; `select: false` ones included. Without TypeORM's query
 * builder, which takes several times as long for the same statement.
 */
export async function insertRows<Row extends ObjectLiteral>(
  manager: EntityManager,
  entity: new () => Row,
  rows: readonly Row[],
  onConflict: OnConflict<Row> = 'fail',
): Promise<void> {
  if (rows.length === 0) return;
  const { dataSource } = manager;
  const { driver } = dataSource;
  const metadata = dataSource.getMetadata(entity);
  const { columns } = metadata;
  const head = `INSERT INTO ${driver.escape(metadata.tableName)} (${columns.map((column) => driver.escape(column.databaseName)).join(', ')}) VALUES `;
  const tail = conflictClause(manager, metadata, onConflict);
  const rowsAtOnce = Math.min(ROWS_A_STATEMENT, Math.floor(VALUES_A_STATEMENT / columns.length));
  for (let at = 0; at < rows.length; at += rowsAtOnce) {
    const values: unknown[] = [];
    const tuples = rows.slice(at, at + rowsAtOnce).map((row) => {
      const places = columns.map((column) => {
        values.push(driver.preparePersistentValue(row[column.propertyName], column) ?? null);
        return driver.createParameter('', values.length - 1);
      });
      return `(${places.join(',')})`;
    });
    await manager.query(head + tuples.join(',') + tail, values);
  }
}

/** The one place that knows how an engine says what to do where the key is there. */
function conflictClause<Row extends ObjectLiteral>(
  manager: EntityManager,
  { columns, primaryColumns }: EntityMetadata,
  onConflict: OnConflict<Row>,
): string {
  if (onConflict === 'fail') return '';
  const { driver, options } = manager.dataSource;
  const keys = primaryColumns.map(({ databaseName }) => driver.escape(databaseName));
  const updated = columns
    .filter(({ propertyName }) => onConflict !== 'keep' && onConflict.includes(propertyName))
    .map(({ databaseName }) => driver.escape(databaseName));
  if (options.type === 'mysql' || options.type === 'mariadb') {
    const changes = onConflict === 'keep' ? keys.slice(0, 1) : updated;
    const set = changes.map((name) => `${name} = ${onConflict === 'keep' ? name : `VALUES(${name})`}`);
    return ` ON DUPLICATE KEY UPDATE ${set.join(', ')}`;
  }
  const action =
    onConflict === 'keep'
      ? 'NOTHING'
      : `UPDATE SET ${updated.map((name) => `${name} = excluded.${name}`).join(', ')}`;
  return ` ON CONFLICT (${keys.join(', ')}) DO ${action}`;
}

/** Removes the rows whose `key` is one of `keys`. */
export async function deleteRows<Row extends ObjectLiteral>(
  manager: EntityManager,
  entity: new () => Row,
  key: keyof Row & string,
  keys: readonly string[],
): Promise<void> {
  const { table, column } = namesOf(manager, entity, key);
  for (const part of partsOf(keys)) {
    await manager.query(`DELETE FROM ${table} WHERE ${column.name} IN (${placesOf(manager, part)})`, part);
  }
}

/**
 * Reads some properties of the rows whose `key` is one of `keys`, in the order of `key`. `isHeld`: and holds these rows until
 * the transaction ends; SQLite needs no locks, there a transaction has the whole file.
 */
export async function selectRows<Row extends ObjectLiteral, Name extends keyof Row & string>(
  manager: EntityManager,
  entity: new () => Row,
  key: keyof Row & string,
  keys: readonly string[],
  { properties, isHeld = false }: { properties: readonly Name[]; isHeld?: boolean },
): Promise<Pick<Row, Name>[]> {
  const { driver, options } = manager.dataSource;
  const { metadata, table, column } = namesOf(manager, entity, key);
  const columns = properties.map((property) => columnOf(metadata, property));
  const selected = columns.map(({ databaseName }) => driver.escape(databaseName)).join(', ');
  const lock = isHeld && options.type !== 'better-sqlite3' ? ' FOR UPDATE' : '';
  const found: Pick<Row, Name>[] = [];
  for (const part of partsOf([...keys].sort())) {
    const rows = await manager.query<Record<string, unknown>[]>(
      `SELECT ${selected} FROM ${table} WHERE ${column.name} IN (${placesOf(manager, part)}) ORDER BY ${column.name}${lock}`,
      part,
    );
    for (const row of rows) {
      const values = columns.map((each) => [
        each.propertyName,
        driver.prepareHydratedValue(row[each.databaseName], each) as unknown,
      ]);
      found.push(Object.fromEntries(values) as Pick<Row, Name>);
    }
  }
  return found;
}

/** Whether two rows have the same values in these properties, as the database keeps them. */
export function isSameIn<Row extends ObjectLiteral>(
  manager: EntityManager,
  entity: new () => Row,
  properties: readonly (keyof Row & string)[],
  one: Partial<Row>,
  other: Partial<Row>,
): boolean {
  const { driver } = manager.dataSource;
  const metadata = manager.dataSource.getMetadata(entity);
  return properties.every((property) => {
    const column = columnOf(metadata, property);
    const [kept, given] = [one, other].map(
      (row) => driver.preparePersistentValue(row[property], column) as unknown,
    );
    return kept === given;
  });
}

function namesOf(manager: EntityManager, entity: new () => ObjectLiteral, key: string) {
  const metadata = manager.dataSource.getMetadata(entity);
  const { driver } = manager.dataSource;
  const column = { name: driver.escape(columnOf(metadata, key).databaseName) };
  return { metadata, table: driver.escape(metadata.tableName), column };
}

function columnOf(metadata: EntityMetadata, property: string): ColumnMetadata {
  const column = metadata.findColumnWithPropertyName(property);
  if (column === undefined) throw new Error(`${metadata.name} has no ${property}`);
  return column;
}

function* partsOf(keys: readonly string[]): Generator<string[]> {
  for (let at = 0; at < keys.length; at += KEYS_A_STATEMENT) yield keys.slice(at, at + KEYS_A_STATEMENT);
}

/** The parameters of an `IN` over these values, as the engine writes them. */
export function placesOf({ dataSource: { driver } }: EntityManager, values: readonly unknown[]): string {
  return values.map((_, index) => driver.createParameter('', index)).join(',');
}
