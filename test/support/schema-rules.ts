/** Asks a MariaDB or MySQL server; every row has a name. */
type Ask = (statement: string) => Promise<{ name: string }[]>;

interface SchemaRule {
  readonly what: string;
  /** Finds by name what breaks the rule in the database that is in use. */
  readonly question: string;
  /** Makes something that breaks it. */
  readonly breach: string;
}

const HERE = 'DATABASE()';

/** What Galera, TiDB or Vitess cannot do, or do badly, as far as a schema can ask for it. */
export const SCHEMA_RULES: readonly SchemaRule[] = [
  {
    what: 'a table without a primary key',
    question: `SELECT table_name AS name FROM information_schema.tables t WHERE table_schema = ${HERE} AND table_type = 'BASE TABLE'
      AND NOT EXISTS (SELECT 1 FROM information_schema.statistics s WHERE s.table_schema = t.table_schema
        AND s.table_name = t.table_name AND s.index_name = 'PRIMARY')`,
    breach: 'CREATE TABLE heap (n INTEGER)',
  },
  {
    what: 'an engine that is not InnoDB',
    question: `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = ${HERE} AND table_type = 'BASE TABLE' AND engine <> 'InnoDB'`,
    breach: 'CREATE TABLE old (n INTEGER PRIMARY KEY) ENGINE=MyISAM',
  },
  {
    what: 'a foreign key',
    question: `SELECT constraint_name AS name FROM information_schema.referential_constraints WHERE constraint_schema = ${HERE}`,
    breach:
      'CREATE TABLE child (n INTEGER PRIMARY KEY, o INTEGER, FOREIGN KEY (o) REFERENCES child (n)) ENGINE=InnoDB',
  },
  {
    // TypeORM's own list of migrations is written by one process, seldom.
    what: 'a counter for a key',
    question: `SELECT CONCAT(table_name, '.', column_name) AS name FROM information_schema.columns
      WHERE table_schema = ${HERE} AND extra LIKE '%auto_increment%' AND table_name <> 'migrations'`,
    breach: 'CREATE TABLE counted (n INTEGER PRIMARY KEY AUTO_INCREMENT)',
  },
  {
    what: 'a view, or a sequence',
    question: `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = ${HERE} AND table_type <> 'BASE TABLE'`,
    breach: 'CREATE VIEW seen AS SELECT 1 AS n',
  },
  {
    what: 'a trigger, a routine, an event',
    question: `SELECT trigger_name AS name FROM information_schema.triggers WHERE trigger_schema = ${HERE}
      UNION ALL SELECT routine_name FROM information_schema.routines WHERE routine_schema = ${HERE}
      UNION ALL SELECT event_name FROM information_schema.events WHERE event_schema = ${HERE}`,
    breach: 'CREATE FUNCTION two() RETURNS INTEGER DETERMINISTIC RETURN 2',
  },
  {
    what: 'an index of another kind than BTREE',
    question: `SELECT index_name AS name FROM information_schema.statistics WHERE table_schema = ${HERE} AND index_type <> 'BTREE'`,
    breach:
      'CREATE TABLE texts (n INTEGER PRIMARY KEY, t TEXT COLLATE utf8mb4_bin, FULLTEXT KEY words (t)) ENGINE=InnoDB',
  },
  {
    what: 'a partition',
    question: `SELECT table_name AS name FROM information_schema.partitions WHERE table_schema = ${HERE} AND partition_name IS NOT NULL`,
    breach: 'CREATE TABLE parts (n INTEGER PRIMARY KEY) PARTITION BY HASH (n) PARTITIONS 2',
  },
  {
    // The table of the lock and TypeORM's own take the database's collation, and hold ASCII.
    what: 'text that is not compared by code point',
    question: `SELECT CONCAT(table_name, '.', column_name) AS name FROM information_schema.columns WHERE table_schema = ${HERE}
      AND collation_name IS NOT NULL AND collation_name NOT LIKE '%\\_bin' AND table_name NOT IN ('migrations', 'schema_lock')`,
    breach: 'CREATE TABLE loose (t VARCHAR(9) COLLATE utf8mb4_general_ci PRIMARY KEY)',
  },
];

/** Statements that mean something else, or nothing, where several nodes or shards take them. */
export const FORBIDDEN_STATEMENTS =
  /\b(GET_LOCK|RELEASE_LOCK|IS_USED_LOCK|SKIP\s+LOCKED|LOCK\s+TABLES?|XA\s+(START|BEGIN)|HANDLER\s+\w+\s+OPEN)\b/i;

/** What in the database in use breaks a rule, by rule; rules that hold are left out. */
export async function schemaFindings(ask: Ask): Promise<Record<string, string[]>> {
  const findings: Record<string, string[]> = {};
  for (const { what, question } of SCHEMA_RULES) {
    const names = (await ask(question)).map(({ name }) => name);
    if (names.length > 0) findings[what] = names;
  }
  return findings;
}
