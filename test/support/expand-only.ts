const NAME = '[`"]?(?:[`"\\w.]+)[`"]?';

/** What no version before may meet: it would read, write or name what is not there any more, or miss what now has to be. */
const CONTRACTIONS: readonly RegExp[] = [
  /^\s*DROP\s+TABLE\b/i,
  /^\s*(ALTER\s+TABLE\b.*\s)?RENAME\b/is,
  /^\s*ALTER\s+TABLE\b.*\bDROP\s+(?!DEFAULT|NOT\s+NULL|CONSTRAINT|INDEX|KEY)/is,
  /^\s*ALTER\s+TABLE\b.*\b(CHANGE|MODIFY)\b/is,
  /^\s*ALTER\s+TABLE\b.*\bALTER\s+COLUMN\b.*\b(TYPE|SET\s+NOT\s+NULL|DROP\s+DEFAULT)\b/is,
  // What a version before writes twice or leaves out.
  /^\s*ALTER\s+TABLE\b.*\bADD\s+(CONSTRAINT|UNIQUE|PRIMARY|FOREIGN|CHECK)\b/is,
  /^\s*CREATE\s+UNIQUE\s+INDEX\b/i,
  /^\s*(DELETE|TRUNCATE)\b/i,
];
const ADDS_COLUMN =
  /^\s*ALTER\s+TABLE\b.*\bADD\b(?!\s+(CONSTRAINT|UNIQUE|PRIMARY|FOREIGN|CHECK|INDEX|KEY))/is;
const TABLE = new RegExp(
  `^\\s*(?:CREATE|ALTER|DROP)\\s+TABLE\\s+(?:IF\\s+(?:NOT\\s+)?EXISTS\\s+)?(${NAME})`,
  'i',
);
const INDEXED = new RegExp(`^\\s*CREATE\\s+UNIQUE\\s+INDEX\\b.*?\\bON\\s+(${NAME})`, 'is');

/** Those of a migration's statements that the version before may not bear, on tables that the migration has not made itself. */
export function contractionsOf(statements: readonly string[]): string[] {
  const made = new Set<string>();
  const tableOf = (statement: string) =>
    (TABLE.exec(statement) ?? INDEXED.exec(statement))?.[1]?.replaceAll(/[`"]/g, '').split('.').at(-1);
  return statements.filter((statement) => {
    const table = tableOf(statement);
    if (/^\s*CREATE\s+TABLE\b/i.test(statement)) {
      if (table !== undefined) made.add(table);
      return false;
    }
    if (table !== undefined && made.has(table)) return false;
    const mustBeGiven =
      ADDS_COLUMN.test(statement) && /\bNOT\s+NULL\b/i.test(statement) && !/\bDEFAULT\b/i.test(statement);
    return mustBeGiven || CONTRACTIONS.some((contraction) => contraction.test(statement));
  });
}
