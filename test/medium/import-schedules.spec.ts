import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { openMigrated } from '../support/data-source';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { runImportSchedule, type ScheduleResult } from '../support/import-schedule';

/** `npm run test:schedules` runs 1,000; `DEADWAX_SEED=7 npm test -- --testPathPatterns import-schedules` replays one and tells its story. */
const ONLY = process.env['DEADWAX_SEED'];
const SCHEDULES = Number(process.env['DEADWAX_SCHEDULES'] ?? 120);
const SEEDS = ONLY === undefined ? Array.from({ length: SCHEDULES }, (_, at) => at + 1) : [Number(ONLY)];

jest.setTimeout(Math.max(600_000, 5_000 * SCHEDULES));

let database: TestDatabase;
let dataSource: DataSource;
beforeAll(async () => {
  Logger.overrideLogger(false); // killed workers complain
  database = await createTestDatabase();
  dataSource = await openMigrated(database.url);
});
afterAll(async () => {
  await dataSource.destroy();
  await database.drop();
});

it(`counts add up, no effect comes twice and progress never goes back, whatever ends or stalls (${SEEDS.length} seeds)`, async () => {
  const failed: (ScheduleResult & { seed: number })[] = [];
  for (const seed of SEEDS) {
    const result = await runImportSchedule(dataSource, seed);
    if (result.faults.length > 0) failed.push({ seed, ...result });
    if (ONLY !== undefined) process.stderr.write(`${result.story.join('\n')}\n`);
  }
  expect(failed).toEqual([]);
});
