import type { MigrationInterface, QueryRunner } from 'typeorm';
import { openDataSource } from '../support/data-source';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { contractionsOf } from '../support/expand-only';

/* The version before works on the schema of the next: docs/deployment.md, "Upgrade and rollback". */

/** From before there was a version that anybody ran; the first makes a unique index on an old table, of a column of its own. */
const BEFORE_THE_FIRST_RELEASE = [
  'ApiTokenLifecycle1795400000000',
  'NameIndex1795420000000',
  'WordEnding1795500000000',
];

let database: TestDatabase;
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.drop());

/** What each migration that is pending takes away from the tables that were there before it. */
async function lint(more: (new () => MigrationInterface)[] = []): Promise<Record<string, string[]>> {
  const dataSource = await openDataSource(database.url);
  const found: Record<string, string[]> = {};
  const runner = dataSource.createQueryRunner();
  try {
    for (const migration of [...dataSource.migrations, ...more.map((each) => new each())]) {
      const statements: string[] = [];
      const query = runner.query.bind(runner) as (...args: unknown[]) => Promise<unknown>;
      runner.query = ((text: string, ...rest: unknown[]) => {
        statements.push(text);
        return query(text, ...rest);
      }) as QueryRunner['query'];
      await migration.up(runner);
      runner.query = query as QueryRunner['query'];
      const contractions = contractionsOf(statements);
      const { contracts } = migration as { contracts?: string };
      if (contractions.length > 0 && contracts === undefined)
        found[migration.constructor.name] = contractions;
    }
  } finally {
    await runner.release();
    await dataSource.destroy();
  }
  return found;
}

if (DATABASE_ENGINE === 'sqlite')
  // TypeORM makes a table anew for most changes there, so that statements tell nothing; and a file has one version at a time.
  it('is not asked of SQLite, whose one machine runs one version', () => {
    expect(database.engine).toBe('sqlite');
  });
else
  it('migrations expand, but for those that say what they contract and why they may', async () => {
    class Contracts1899999999999 implements MigrationInterface {
      /** As a migration says that no version uses it any more. */
      readonly contracts = 'import_flight.until_ms: unused since 9.9';
      async up(runner: QueryRunner): Promise<void> {
        await runner.dropColumn('import_flight', 'until_ms');
      }
      down = () => Promise.resolve();
    }
    class Forgets1899999999998 extends Contracts1899999999999 {
      override readonly contracts = undefined as never;
      override async up(runner: QueryRunner): Promise<void> {
        await runner.renameColumn('import_flight', 'holder', 'owner');
      }
    }
    const found = await lint([Contracts1899999999999, Forgets1899999999998]);
    expect(Object.keys(found)).toEqual([...BEFORE_THE_FIRST_RELEASE, 'Forgets1899999999998']);
  });
