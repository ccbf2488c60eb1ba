import type { DataSource } from 'typeorm';
import { ImportRow } from '../../src/imports/entities/import-row.entity';
import { ClaimLostError, ImportStoppedError } from '../../src/imports/import.errors';
import { ImportIntake } from '../../src/imports/import-intake';
import { ImportLedgerRepository } from '../../src/imports/import-ledger.repository';
import { ImportRunner } from '../../src/imports/import-runner';
import { type ImportClock, SYSTEM_CLOCK, USUAL_TIMES } from '../../src/imports/import-times';
import { ImportsRepository } from '../../src/imports/imports.repository';
import { OneDatabase } from '../../src/common/read-database';
import { SampleSource } from '../../src/sample/sample-source';
import { TrackDocumentsRepository } from '../../src/tracks/track-documents.repository';
import { TrackRefresher } from '../../src/tracks/track-refresher';
import { TracksRepository } from '../../src/tracks/tracks.repository';
import { TracksService } from '../../src/tracks/tracks.service';
import { openMigrated } from '../support/data-source';
import { createTestDatabase, type TestDatabase } from '../support/database';

jest.setTimeout(60_000);

const LEASE_MS = 12_000;

let database: TestDatabase;
let dataSource: DataSource;
let ledger: ImportLedgerRepository;
let imports: ImportsRepository;
let lastNumber = 0;

beforeAll(async () => {
  database = await createTestDatabase();
  dataSource = await openMigrated(database.url);
  ledger = new ImportLedgerRepository(dataSource);
  imports = new ImportsRepository(dataSource);
});
afterAll(async () => {
  await dataSource.destroy();
  await database.drop();
});

const at = (seconds: number) => new Date(Date.UTC(2026, 10, 22) + seconds * 1000);

async function anImport(rows: number): Promise<string> {
  const id = `imp_${String(++lastNumber)}`;
  const given = async function* () {
    yield Array.from({ length: rows }, (_, n) => ({
      line: n + 1,
      input: `QZLED26${String(n).padStart(5, '0')}`,
    }));
    await Promise.resolve();
  };
  await new ImportIntake(imports).receive(given(), { id, shouldRefresh: false, createdBy: 'test' }, () =>
    Promise.resolve(),
  );
  return id;
}

async function claim(id: string, limit: number, now: Date) {
  const found = await ledger.claim(id, { limit, leaseMs: LEASE_MS, now });
  if (found === null) throw new Error('there is no work');
  return found;
}

const linesOf = ({ rows }: { rows: readonly { line: number }[] }) =>
  rows.map(({ line }) => line).sort((a, b) => a - b);
const done = (lines: readonly number[]) =>
  lines.map((line) => ({ line, status: 'not-found' as const, problem: null }));
const counted = async (id: string) => {
  const found = await imports.findImport(id);
  if (found === null) throw new Error('there is no such import');
  return found;
};

describe('claims', () => {
  it('never give a row to two, however many ask at once', async () => {
    const id = await anImport(40);
    const claims = await Promise.all(Array.from({ length: 8 }, () => claim(id, 10, at(0))));
    const lines = claims.flatMap(linesOf);
    expect(new Set(lines).size).toBe(lines.length);
    expect(new Set(claims.map(({ fence }) => fence)).size).toBe(8);
    expect(lines.length).toBe(40);
  });

  it('come in the order of the file, and leave what waits for its time', async () => {
    const id = await anImport(6);
    const first = await claim(id, 3, at(0));
    expect(linesOf(first)).toEqual([1, 2, 3]);
    await ledger.release(first, [1], { freeAt: at(10), isSpent: true });
    await ledger.release(first, [2, 3], { freeAt: at(0), isSpent: false });
    const second = await claim(id, 9, at(1));
    expect(linesOf(second)).toEqual([2, 3, 4, 5, 6]);
    expect(second.rows.every(({ attempts }) => attempts === 1)).toBe(true);
    expect((await claim(id, 9, at(11))).rows).toEqual([expect.objectContaining({ line: 1, attempts: 2 })]);
  });

  it('J04 sets aside a row that took three workers down, and nothing else', async () => {
    const id = await anImport(30);
    const deadly = 7;
    let workers = 0;
    for (let now = 0; now < 100_000; now += 1) {
      const found = await ledger.claim(id, { limit: 30, leaseMs: LEASE_MS, now: at(now) });
      if (found === null) break;
      if (found.rows.some(({ line }) => line === deadly)) {
        workers += 1; // it dies with all that it has
        now += 2 * (LEASE_MS / 1000);
      } else if (found.rows.length > 0) await ledger.settle(found, done(linesOf(found)), at(now));
    }
    expect(workers).toBe(3);
    expect(await counted(id)).toMatchObject({ state: 'completed', notFound: 29, failed: 1 });
    const row = await dataSource.manager.findOneByOrFail(ImportRow, { importId: id, line: deadly });
    expect([row.status, row.attempts, row.problem]).toEqual([
      'failed',
      3,
      expect.stringMatching(/^internal: /),
    ]);
  });

  it('are taken up again where a clock was hours ahead', async () => {
    const id = await anImport(2);
    await claim(id, 2, at(7200));
    expect((await claim(id, 2, at(0))).rows).toHaveLength(2);
  });
});

describe('results', () => {
  it('J05 of a worker that lost its rows are refused, all of them, and counted once', async () => {
    const id = await anImport(4);
    const stalled = await claim(id, 2, at(0));
    const other = await claim(id, 2, at(30));
    expect(linesOf(other)).toEqual(linesOf(stalled));
    await ledger.settle(other, done([1]), at(31));
    await expect(ledger.settle(stalled, done([1, 2]), at(32))).rejects.toThrow(ClaimLostError);
    expect(await counted(id)).toMatchObject({ notFound: 1 });
    await ledger.release(stalled, [2], { freeAt: at(33), isSpent: false }); // it is not its own to give back
    await ledger.renew(stalled, [2], at(999));
    await ledger.settle(other, done([2]), at(34));
    expect(await counted(id)).toMatchObject({ notFound: 2 });
  });

  it('J03 are counted once where an answer of the database was lost and the worker tries again', async () => {
    const id = await anImport(2);
    const mine = await claim(id, 2, at(0));
    await ledger.settle(mine, done([1]), at(1));
    await expect(ledger.settle(mine, done([1]), at(2))).rejects.toThrow(ClaimLostError);
    expect([...(await ledger.listHeld(mine))]).toEqual([2]);
    expect(await counted(id)).toMatchObject({ notFound: 1, state: 'running' });
  });

  it('J06 of an import that was cancelled are refused, and what was done stays', async () => {
    const id = await anImport(3);
    const mine = await claim(id, 3, at(0));
    await ledger.settle(mine, done([1]), at(1));
    expect(await imports.cancel(id, at(2))).toBe(true);
    expect(await imports.cancel(id, at(3))).toBe(false);
    await expect(ledger.settle(mine, done([2]), at(4))).rejects.toThrow(ImportStoppedError);
    expect(await ledger.claim(id, { limit: 1, leaseMs: LEASE_MS, now: at(99) })).toBeNull();
    expect(await counted(id)).toMatchObject({ state: 'cancelled', notFound: 1 });
    await ledger.release(mine, [2, 3], { freeAt: at(4), isSpent: false });
    await imports.retry(id, at(5));
    expect(await counted(id)).toMatchObject({ state: 'queued', finishedAt: null });
    expect(linesOf(await claim(id, 3, at(6)))).toEqual([2, 3]);
  });

  it('of rows that need no claim spare those that were claimed since', async () => {
    const id = await anImport(3);
    await claim(id, 1, at(0));
    await ledger.settleUnclaimed(
      id,
      [1, 2].map((line) => ({ line, status: 'existing', problem: null })),
      2,
      at(1),
    );
    expect(await counted(id)).toMatchObject({ existing: 1, checkedLine: 2 });
  });

  it('take failed rows up again without a moment in which the counts do not add up', async () => {
    const id = await anImport(2500);
    for (let now = 0; ; now += 1) {
      const mine = await ledger.claim(id, { limit: 900, leaseMs: LEASE_MS, now: at(now) });
      if (mine === null) break;
      await ledger.settle(
        mine,
        linesOf(mine).map((line) => ({ line, status: 'failed', problem: 'x: y' })),
        at(now),
      );
    }
    expect(await counted(id)).toMatchObject({ state: 'failed', failed: 2500 });
    await imports.retry(id, at(50));
    expect(await counted(id)).toMatchObject({ state: 'queued', failed: 0, total: 2500 });
    expect((await claim(id, 900, at(51))).rows.every(({ attempts }) => attempts === 1)).toBe(true);
    await imports.retry(id, at(52)); // nothing to take up
    expect(await counted(id)).toMatchObject({ state: 'running' });
  });
});

describe('turns', () => {
  it('go to the import that has waited longest, and to none that has to wait', async () => {
    await dataSource.query("UPDATE import SET state = 'completed'");
    const [large, small] = [await anImport(500), await anImport(2)];
    const next = async (now: number) => (await ledger.findTurn(at(now), { except: [] }))?.importId;
    const order: (string | undefined)[] = [];
    for (let now = 100; now < 104; now += 1) {
      const id = await next(now);
      order.push(id);
      if (id !== undefined) await claim(id, 1, at(now));
    }
    expect([...order].sort()).toEqual([large, large, small, small].sort());
    expect(order[0]).not.toBe(order[1]);
    await ledger.pause(large, at(9999), at(200));
    expect([await next(150), await next(151)]).toEqual([small, small]);
    expect(await counted(large)).toMatchObject({ state: 'paused', resumesAt: at(9999) });
    expect((await ledger.findTurn(at(201), { except: [small] }))?.importId).toBe(large);
  });

  it('are not held up for hours by a clock that was set back', async () => {
    const id = await anImport(2);
    let now = at(0);
    const clock: ImportClock = {
      now: () => now,
      sleep: (_ms, signal) => SYSTEM_CLOCK.sleep(5, signal),
    };
    const reads = new OneDatabase(dataSource);
    const repository = new TracksRepository(dataSource);
    const source = new SampleSource();
    const tracks = new TracksService(
      repository,
      new TrackDocumentsRepository(dataSource, reads),
      reads,
      source,
      new TrackRefresher(repository, source),
    );
    const runner = new ImportRunner(ledger, tracks, USUAL_TIMES, clock);
    const turn = () => runner.turn(new AbortController().signal, id);
    expect(await turn()).toBe(true); // looks for what is stored
    await claim(id, 2, now); // another has all that is left
    expect(await turn()).toBe(false);
    expect(await turn()).toBe(false);
    now = at(-3600);
    expect(await turn()).toBe(true);
    expect(await counted(id)).toMatchObject({ state: 'completed', notFound: 2 });
  });
});

it('removes what was received and never accepted, and nothing else', async () => {
  await imports.begin({ id: 'imp_broken', shouldRefresh: false, createdBy: 'x' }, at(0));
  const rows = Array.from({ length: 1000 }, (_, n) => ({
    line: n + 1,
    input: 'x',
    isrc: null,
    status: 'invalid' as const,
    problem: null,
  }));
  await imports.addRows('imp_broken', rows);
  await imports.addRows(
    'imp_broken',
    rows.map((row) => ({ ...row, line: row.line + 1000 })),
  );
  expect(await imports.findImport('imp_broken')).toBeNull();
  expect(await imports.listAbandoned(at(-1))).toEqual([]);
  expect(await imports.listAbandoned(at(1))).toEqual(['imp_broken']);
  await imports.drop('imp_broken');
  expect(await dataSource.manager.countBy(ImportRow, { importId: 'imp_broken' })).toBe(0);
  const accepted = await anImport(3);
  await imports.drop(accepted);
  expect(await dataSource.manager.countBy(ImportRow, { importId: accepted })).toBe(3);
});
