import { telemetry } from '../../src/common/telemetry';
import { createDataSource, createReadSource, toDataSourceOptions } from '../../src/database/data-source';
import { parseDatabaseUrl } from '../../src/config/database-url';
import { createTestDatabase, type TestDatabase } from '../support/database';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

it('tells of each statement once, however often a runner is asked for', async () => {
  const parsed = parseDatabaseUrl(database.url);
  if ('fault' in parsed) throw new Error(parsed.fault);
  const writer = await createDataSource(toDataSourceOptions(parsed.address)).initialize(); // makes the file of SQLite
  const source = await createReadSource(parsed.address, 2).initialize();
  const seen: string[] = [];
  const stop = telemetry.onStatement(({ text, hasFailed }) =>
    seen.push(`${text} ${hasFailed ? 'failed' : 'done'}`),
  );
  try {
    for (let time = 0; time < 3; time++) await source.query('SELECT 1');
    await expect(source.query('SELECT nothing FROM nowhere')).rejects.toThrow();
  } finally {
    stop();
    await source.destroy();
    await writer.destroy();
  }
  expect(seen).toEqual([...Array<string>(3).fill('SELECT 1 done'), 'SELECT nothing FROM nowhere failed']);
});
