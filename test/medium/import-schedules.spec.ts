import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { openMigrated } from '../support/data-source';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { runImportSchedule, type ScheduleResult } from '../support/import-schedule';

/** As many as the time of a usual run allows; `DEADWAX_SCHEDULES=1000 npm test -- --testPathPatterns import-schedules` runs more. */
const SCHEDULES = Number(process.env['DEADWAX_SCHEDULES'] ?? (DATABASE_ENGINE === 'sqlite' ? 300 : 100));
const AT_ONCE = DATABASE_ENGINE === 'sqlite' ? 24 : 16;

jest.setTimeout(600_000);

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

/** A seed that failed is replayed by itself: `runImportSchedule(dataSource, seed)`. */
it(`counts add up, no effect comes twice and progress never goes back, whatever ends or stalls (${SCHEDULES} seeds)`, async () => {
  const failed: (ScheduleResult & { seed: number })[] = [];
  let next = 1;
  const lane = async () => {
    for (let seed = next++; seed <= SCHEDULES; seed = next++) {
      const result = await runImportSchedule(dataSource, seed);
      if (result.faults.length > 0) failed.push({ seed, ...result });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  expect(failed).toEqual([]);
});
