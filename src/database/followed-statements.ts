import type { DataSource } from 'typeorm';
import { telemetry } from '../common/telemetry';

/** As OpenTelemetry's semantic conventions call the engines. */
const SYSTEMS: Readonly<Record<string, string>> = { 'better-sqlite3': 'sqlite', postgres: 'postgresql' };
/** Statements carry placeholders, not values; those of bulk work are long all the same. */
const MOST_TEXT = 1000;
/** The verb, and the first table named. */
const SUMMARY = /^\s*(\w+)(?:[^]{0,2000}?\b(?:FROM|INTO|UPDATE|TABLE)\s+["`]?(\w+))?/i;
const MOST_REMEMBERED = 1000;
const summaries = new Map<string, { readonly verb: string; readonly table: string | undefined }>();

/** Lets telemetry see each statement of this data source. Call before `initialize()`, after `installSqliteGate`. */
export function followStatements(dataSource: DataSource): void {
  const { driver, options } = dataSource;
  const system = SYSTEMS[options.type] ?? options.type;
  const create = driver.createQueryRunner.bind(driver);
  const followed = new WeakSet();
  driver.createQueryRunner = (mode) => {
    const runner = create(mode);
    if (followed.has(runner)) return runner; // a connection that only reads SQLite has one for all
    followed.add(runner);
    const query = runner.query.bind(runner) as (...args: unknown[]) => Promise<unknown>;
    runner.query = async (text: string, ...rest: unknown[]) => {
      const { verb, table } = summaryOf(text);
      const startedMs = performance.now();
      let hasFailed = true;
      try {
        const result = telemetry.followsWork
          ? await telemetry.follow(
              {
                name: table === undefined ? verb : `${verb} ${table}`,
                kind: 'client',
                attributes: {
                  'db.system.name': system,
                  'db.operation.name': verb,
                  ...(table === undefined ? {} : { 'db.collection.name': table }),
                  'db.query.text': text.slice(0, MOST_TEXT),
                },
              },
              () => query(text, ...rest),
            )
          : await query(text, ...rest);
        hasFailed = false;
        return result as never;
      } finally {
        telemetry.noteStatement({ text, verb, seconds: (performance.now() - startedMs) / 1000, hasFailed });
      }
    };
    return runner;
  };
}

function summaryOf(text: string): { readonly verb: string; readonly table: string | undefined } {
  const known = summaries.get(text);
  if (known !== undefined) return known;
  const [, verb = 'OTHER', table] = SUMMARY.exec(text) ?? [];
  const summary = { verb: verb.toUpperCase(), table };
  if (summaries.size >= MOST_REMEMBERED) summaries.clear();
  // Bulk statements differ in length each time, and are long enough for the search not to matter.
  if (text.length <= MOST_TEXT) summaries.set(text, summary);
  return summary;
}
