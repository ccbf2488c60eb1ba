import { Column, type ColumnOptions, type ValueTransformer } from 'typeorm';

/**
 * Text columns compare by code point on every engine, so that keys, order and search give the same answers:
 * `C` on PostgreSQL (named here, where TypeORM compares it), `utf8mb4_bin` on MySQL and MariaDB (set by the
 * migrations; TypeORM does not compare it there), BINARY on SQLite (its default).
 */
const BY_CODE_POINT = 'C';

/** A code, an id or another short text that is compared: `varchar(length)`. */
export function CodeColumn(name: string, length: number, options: ColumnOptions = {}): PropertyDecorator {
  return Column({ name, type: 'varchar', length, collation: BY_CODE_POINT, ...options });
}

/** Text of any length that is only shown. */
export function TextColumn(name: string, options: ColumnOptions = {}): PropertyDecorator {
  return Column({ name, type: 'text', collation: BY_CODE_POINT, ...options });
}

/** A list or an object, kept as JSON text: no engine's own JSON type, whose rules differ. */
export function JsonColumn(name: string, options: ColumnOptions = {}): PropertyDecorator {
  return Column({ name, type: 'simple-json', collation: BY_CODE_POINT, ...options });
}

const epochMs: ValueTransformer = {
  to: (value: Date | null | undefined) => value?.getTime() ?? value,
  from: (value: number | string | null) => (value === null ? null : new Date(Number(value))),
};

/**
 * A moment, kept as whole milliseconds since 1970 UTC: the engines' date types differ in precision and in what they
 * do with time zones, and their drivers differ again.
 */
export function MomentColumn(name: string, options: ColumnOptions = {}): PropertyDecorator {
  return Column({ name, type: 'bigint', transformer: epochMs, ...options });
}
