import { escape as escapeLiteral, raw } from 'mysql2';
import type { EntityManager, EntityMetadata, ObjectLiteral } from 'typeorm';
import type { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata';

/** Longer statements gain nothing any more. */
const ROWS_A_STATEMENT = 1000;
/** On SQLite each of these is a statement that stays prepared: few shapes, so that all of them do. */
const ROWS_OF_SQLITE = [40, 5, 1];
/** Keys of one `IN`. */
const KEYS_A_STATEMENT = 1000;

/** What becomes of a row whose key is there: an error, the old row, or these properties of the new one. */
type OnConflict<Row> = 'fail' | 'keep' | readonly (keyof Row & string)[];

/** How rows of an entity become values. */
interface Insertion {
  readonly head: string;
  /** The engine's type of each column. */
  readonly types: readonly string[];
  /** What gives the value of each column for a row. */
  readonly values: readonly ((row: ObjectLiteral) => unknown)[];
}
const TO_BE_ESCAPED = /[\p{Cc}'\\]/u;
const INSERTIONS = new WeakMap<EntityMetadata, Insertion>();
/** Types whose values go to the driver as they are. */
const PLAIN: ReadonlySet<unknown> = new Set(['varchar', 'text', 'integer', 'smallint']);

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
  const metadata = dataSource.getMetadata(entity);
  const insertion = insertionOf(manager, metadata);
  const tail = conflictClause(manager, metadata, onConflict);
  const isSqlite = dataSource.options.type === 'better-sqlite3';
  for (let at = 0; at < rows.length;) {
    const left = rows.length - at;
    const count = isSqlite
      ? (ROWS_OF_SQLITE.find((size) => size <= left) ?? 1)
      : Math.min(left, ROWS_A_STATEMENT);
    const [text, parameters] = valuesClause(manager, insertion, rows.slice(at, at + count));
    await manager.query(insertion.head + text + tail, parameters);
    at += count;
  }
}

function insertionOf({ dataSource: { driver } }: EntityManager, metadata: EntityMetadata): Insertion {
  const known = INSERTIONS.get(metadata);
  if (known !== undefined) return known;
  const { columns } = metadata;
  const names = columns.map(({ databaseName }) => driver.escape(databaseName)).join(', ');
  const insertion = {
    head: `INSERT INTO ${driver.escape(metadata.tableName)} (${names}) `,
    types: columns.map((column) => driver.normalizeType(column)),
    values: columns.map((column) => {
      const { propertyName, transformer, type } = column;
      if (transformer === undefined && PLAIN.has(type)) {
        return (row: ObjectLiteral) => (row[propertyName] as unknown) ?? null;
      }
      return (row: ObjectLiteral) =>
        (driver.preparePersistentValue(row[propertyName], column) as unknown) ?? null;
    }),
  };
  INSERTIONS.set(metadata, insertion);
  return insertion;
}

/** Each engine gets rows in the way that is cheapest for it and its driver. */
function valuesClause(
  { dataSource: { options } }: EntityManager,
  { types, values }: Insertion,
  rows: readonly ObjectLiteral[],
): [text: string, parameters: unknown[]] {
  if (options.type === 'postgres') {
    // One array a column: a statement that is the same for any number of rows, and short to read.
    const arrays = types.map((type, at) => `$${at + 1}::${type}[]`);
    return [`SELECT * FROM unnest(${arrays.join(', ')})`, values.map((valueOf) => rows.map(valueOf))];
  }
  if (options.type !== 'better-sqlite3') {
    // mysql2 would write the values into the text too, but looks at each character of them more than once.
    const tuples = rows.map((row) => `(${values.map((valueOf) => literalOf(valueOf(row))).join(',')})`);
    return ['VALUES ?', [raw(tuples.join(','))]];
  }
  const places = `(${values.map(() => '?').join(',')})`;
  const flat: unknown[] = [];
  for (const row of rows) for (const valueOf of values) flat.push(valueOf(row));
  return [`VALUES ${rows.map(() => places).join(',')}`, flat];
}

/** A value in the text of a statement. What has none of these characters means itself between single quotes, in every mode. */
function literalOf(value: unknown): string {
  if (typeof value === 'string' && !TO_BE_ESCAPED.test(value)) return `'${value}'`;
  return escapeLiteral(value as Parameters<typeof escapeLiteral>[0]);
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

/** `alone`: nobody else holds the row, or writes it; `shared`: nobody writes it. Until the transaction ends. */
export type Hold = 'alone' | 'shared';

/**
 * Reads some properties of the rows whose `key` is one of `keys`, in the order of `key`. `hold`: and holds these rows; SQLite
 * needs no locks, there a transaction has the whole file.
 */
export async function selectRows<Row extends ObjectLiteral, Name extends keyof Row & string>(
  manager: EntityManager,
  entity: new () => Row,
  key: keyof Row & string,
  keys: readonly string[],
  { properties, hold }: { properties: readonly Name[]; hold?: Hold | undefined },
): Promise<Pick<Row, Name>[]> {
  const { driver } = manager.dataSource;
  const { metadata, table, column } = namesOf(manager, entity, key);
  const columns = properties.map((property) => columnOf(metadata, property));
  const selected = columns.map(({ databaseName }) => driver.escape(databaseName)).join(', ');
  const lock = hold === undefined ? '' : lockClause(manager, hold);
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

/** The end of a `SELECT` that holds the rows that it finds; empty on SQLite. */
export function lockClause({ dataSource: { options } }: EntityManager, hold: Hold): string {
  if (options.type === 'better-sqlite3') return '';
  if (hold === 'alone') return ' FOR UPDATE';
  return options.type === 'postgres' ? ' FOR SHARE' : ' LOCK IN SHARE MODE'; // MariaDB knows no other, MySQL has both
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
