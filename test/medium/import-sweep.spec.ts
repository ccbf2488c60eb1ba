import type { DataSource } from 'typeorm';
import { ImportRow } from '../../src/imports/entities/import-row.entity';
import { ImportBacklogRepository } from '../../src/imports/import-backlog.repository';
import { ImportIntake } from '../../src/imports/import-intake';
import { ImportLedgerRepository } from '../../src/imports/import-ledger.repository';
import { ImportSweep } from '../../src/imports/import-sweep';
import { type ImportClock, SYSTEM_CLOCK } from '../../src/imports/import-times';
import { ImportsRepository } from '../../src/imports/imports.repository';
import { parseSettings } from '../../src/config/settings';
import { openMigrated } from '../support/data-source';
import { createTestDatabase, type TestDatabase } from '../support/database';

/* What is removed by itself, and when. */

jest.setTimeout(60_000);

const DAY_MS = 86_400_000;

let database: TestDatabase;
let dataSource: DataSource;
let imports: ImportsRepository;
let ledger: ImportLedgerRepository;
let now = new Date();
const clock: ImportClock = { ...SYSTEM_CLOCK, now: () => now };
beforeAll(async () => {
  database = await createTestDatabase();
  dataSource = await openMigrated(database.url);
  imports = new ImportsRepository(dataSource);
  ledger = new ImportLedgerRepository(dataSource);
});
afterAll(async () => {
  await dataSource.destroy();
  await database.drop();
});

const sweepOf = (environment: Record<string, string> = {}) =>
  new ImportSweep(imports, ledger, parseSettings(environment), clock);

async function anImport(id: string, rows: number): Promise<string> {
  const given = async function* () {
    yield Array.from({ length: rows }, (_, n) => ({
      line: n + 1,
      input: `QZSWP26${String(n).padStart(5, '0')}`,
    }));
    await Promise.resolve();
  };
  await new ImportIntake(imports).receive(given(), { id, shouldRefresh: false, createdBy: 'test' }, () =>
    Promise.resolve(),
  );
  return id;
}

it('removes finished imports with their rows once they are old enough, and no others', async () => {
  const { signal } = new AbortController();
  const start = now;
  const old = await anImport('imp_old', 2500);
  const young = await anImport('imp_young', 3);
  const unfinished = await anImport('imp_unfinished', 3);
  await imports.cancel(old, start);
  await imports.cancel(young, new Date(start.getTime() + 2 * DAY_MS));
  const rowsOf = (importId: string) => dataSource.manager.countBy(ImportRow, { importId });

  now = new Date(start.getTime() + 90 * DAY_MS);
  await sweepOf().sweep(signal);
  expect(await rowsOf(old)).toBe(2500);

  now = new Date(start.getTime() + 91 * DAY_MS);
  await sweepOf({ IMPORT_RETENTION_DAYS: '0' }).sweep(signal);
  expect(await rowsOf(old)).toBe(2500);

  // A sweep that is stopped leaves nothing that anybody sees; the next one goes on.
  await sweepOf().sweep(AbortSignal.abort());
  expect(await imports.findImport(old)).toBeNull();
  expect(await rowsOf(old)).toBe(2500);
  await sweepOf().sweep(signal);
  expect(await rowsOf(old)).toBe(0);
  expect([await imports.findImport(young), await imports.findImport(unfinished)]).toEqual([
    expect.objectContaining({ state: 'cancelled' }),
    expect.objectContaining({ state: 'queued' }),
  ]);
  expect([await rowsOf(young), await rowsOf(unfinished)]).toEqual([3, 3]);
});

it('tells what is left: how much, since when, and whether it moves', async () => {
  await dataSource.query("UPDATE import SET state = 'completed'");
  const backlog = new ImportBacklogRepository(dataSource);
  const none = { imports: { queued: 0, running: 0, paused: 0 }, rows: 0, oldestAt: null, dueSince: null };
  expect(await backlog.describe(now)).toMatchObject(none);
  const one = await anImport('imp_one', 5);
  const accepted = (await imports.findImport(one))?.createdAt;
  const claim = await ledger.claim(one, { limit: 2, leaseMs: 12_000, now: new Date() });
  if (claim === null) throw new Error('there is no work');
  await ledger.settle(claim, [{ line: 1, status: 'not-found', problem: null }], new Date());
  const two = await anImport('imp_two', 7);
  await ledger.pause(two, new Date(Date.now() + DAY_MS), new Date(Date.now() + DAY_MS));
  const found = await backlog.describe(new Date(Date.now() + 1000));
  expect(found).toMatchObject({
    imports: { queued: 0, running: 1, paused: 1 },
    rows: 11,
    oldestAt: accepted,
  });
  expect(found.dueSince?.getTime()).toBeGreaterThanOrEqual(accepted?.getTime() ?? Infinity);
});
