import type { EntityManager } from 'typeorm';

/** Values of a statement by name. */
export type Values = Record<string, unknown>;

/** Runs a statement whose values have names: `:name`, and `:...names` for a list. */
export function runNamed<Row>(manager: EntityManager, statement: string, values: Values): Promise<Row[]> {
  const [text, parameters] = manager.dataSource.driver.escapeQueryWithParameters(statement, values);
  return manager.query<Row[]>(text, parameters);
}

/**
 * The condition that a text column has another text in it, of which each character counts. PostgreSQL has no INSTR, the others no
 * STRPOS. MySQL and MariaDB go by the bytes: the same in UTF-8, and much faster than by its characters.
 */
export function holds({ dataSource }: EntityManager, column: string, text: string): string {
  const { type } = dataSource.options;
  if (type === 'postgres') return `strpos(${column}, ${text}) > 0`;
  return `instr(${column}, ${type === 'better-sqlite3' ? text : `CAST(${text} AS BINARY)`}) > 0`;
}

/** A join of the table before with each row of the one after, in this order where the engine lets itself be told. */
export function joinInOrder({ dataSource }: EntityManager): string {
  const { type } = dataSource.options;
  return type === 'mysql' || type === 'mariadb' ? 'STRAIGHT_JOIN' : 'CROSS JOIN';
}
