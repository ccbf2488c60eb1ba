import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { OneDatabase } from '../../src/common/read-database';
import { ImportIntake } from '../../src/imports/import-intake';
import { ImportLedgerRepository } from '../../src/imports/import-ledger.repository';
import { ImportRunner } from '../../src/imports/import-runner';
import { SYSTEM_CLOCK, USUAL_TIMES } from '../../src/imports/import-times';
import { ImportRow } from '../../src/imports/entities/import-row.entity';
import { ImportsRepository } from '../../src/imports/imports.repository';
import { RowTally } from '../../src/imports/row-tally';
import { type Isrc, requireIsrc } from '../../src/recording/isrc';
import type { Recording } from '../../src/recording/recording';
import {
  type KnownRecording,
  RecordingSource,
  SourceUnavailableError,
} from '../../src/recording/recording-source';
import { TrackDocumentsRepository } from '../../src/tracks/track-documents.repository';
import { TrackRefresher } from '../../src/tracks/track-refresher';
import { TracksRepository } from '../../src/tracks/tracks.repository';
import { TracksService } from '../../src/tracks/tracks.service';
import { aRecording } from '../builders/recording';
import { openDataSource, openMigrated } from '../support/data-source';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { startTcpProxy } from '../support/tcp-proxy';
import { until } from '../support/until';

/* Workers of several imports who want the same codes, each on connections of its own, as processes are. */

jest.setTimeout(60_000);

const LEASE_MS = 12_000;

/** Counts what it is asked for; one code in ten it does not know. */
class CountingSource extends RecordingSource {
  override readonly name = 'sample';
  found: Isrc[] = [];
  refetched: Isrc[] = [];
  refetches = 0;

  override async findByIsrc(isrc: Isrc): Promise<Recording | null> {
    this.found.push(isrc);
    await sleep(1);
    return isrc.endsWith('0') ? null : recordingOf(isrc);
  }

  override async refetch(known: readonly KnownRecording[]): Promise<Map<Isrc, Recording>> {
    this.refetches += 1;
    this.refetched.push(...known.map(({ isrc }) => isrc));
    await sleep(5);
    return new Map(known.map(({ isrc }) => [isrc, recordingOf(isrc)]));
  }

  override report() {
    return Promise.resolve({ state: 'ok' as const });
  }
}

const recordingOf = (isrc: Isrc): Recording => ({
  ...aRecording({ isrc, id: `t-${isrc}`, title: `Title ${isrc}` }),
  fetchedAt: new Date(),
});

let database: TestDatabase;
let dataSource: DataSource;
let other: DataSource;
let ledger: ImportLedgerRepository;
let imports: ImportsRepository;
let lastNumber = 0;
beforeAll(async () => {
  database = await createTestDatabase();
  dataSource = await openMigrated(database.url);
  other = await openDataSource(database.url);
  ledger = new ImportLedgerRepository(dataSource);
  imports = new ImportsRepository(dataSource);
});
afterAll(async () => {
  await other.destroy();
  await dataSource.destroy();
  await database.drop();
});

async function anImport(isrcs: readonly Isrc[], shouldRefresh = false): Promise<string> {
  const id = `imp_${String(++lastNumber)}`;
  const rows = async function* () {
    yield isrcs.map((input, at) => ({ line: at + 1, input }));
    await Promise.resolve();
  };
  await new ImportIntake(imports).receive(rows(), { id, shouldRefresh, createdBy: 'test' }, () =>
    Promise.resolve(),
  );
  return id;
}

const codes = (from: number, count: number) =>
  Array.from({ length: count }, (_, at) => requireIsrc(`QZFLY26${String(from + at).padStart(5, '0')}`));

/** A process: connections, services and a runner of its own. */
function aWorker(
  connections: DataSource,
  source: RecordingSource,
  times = USUAL_TIMES,
  tally = new RowTally(),
): ImportRunner {
  const reads = new OneDatabase(connections);
  const repository = new TracksRepository(connections);
  const tracks = new TracksService(
    repository,
    new TrackDocumentsRepository(connections, reads),
    reads,
    source,
    new TrackRefresher(repository, source),
  );
  return new ImportRunner(new ImportLedgerRepository(connections), tracks, times, SYSTEM_CLOCK, tally);
}

/** Works on two imports at once, each in a process of its own. */
async function workOff(ids: readonly [string, string], source: RecordingSource): Promise<void> {
  const { signal } = new AbortController();
  await Promise.all([
    aWorker(dataSource, source).drain(ids[0], signal),
    aWorker(other, source).drain(ids[1], signal),
  ]);
}

const endOf = async (id: string) => {
  const found = await imports.findImport(id);
  if (found === null) throw new Error('there is no such import');
  return found;
};

it('J10 two imports with the same codes, in two processes, ask the source once for each', async () => {
  const source = new CountingSource();
  const isrcs = codes(0, 300);
  const ids = [await anImport(isrcs), await anImport([...isrcs].reverse())] as const;
  await workOff(ids, source);
  expect(source.found).toHaveLength(300);
  expect(new Set(source.found).size).toBe(300);
  const [one, two] = [await endOf(ids[0]), await endOf(ids[1])];
  for (const each of [one, two]) expect(each).toMatchObject({ state: 'completed', notFound: 30, failed: 0 });
  expect(one.created + two.created).toBe(270);
  expect(one.existing + two.existing).toBe(270);
});

it('J10 two imports that fetch the same codes anew do so once, many by one call', async () => {
  const source = new CountingSource();
  const isrcs = codes(1000, 200).filter((isrc) => !isrc.endsWith('0'));
  const first = await anImport(isrcs);
  await aWorker(dataSource, source).drain(first, new AbortController().signal);
  source.found = [];
  const ids = [await anImport(isrcs, true), await anImport([...isrcs].reverse(), true)] as const;
  await workOff(ids, source);
  expect(source.found).toEqual([]);
  expect([...source.refetched].sort()).toEqual(isrcs);
  expect(source.refetches).toBeLessThan(40);
  for (const id of ids)
    expect(await endOf(id)).toMatchObject({ state: 'completed', refreshed: 180, existing: 0 });
});

it('asks one by one for what cannot be fetched together, and gives back what the source holds', async () => {
  class Held extends CountingSource {
    isHeld = true;
    override refetch(known: readonly KnownRecording[]) {
      const held = new SourceUnavailableError('wait', 1);
      const told = known.slice(1).map(({ isrc }) => [isrc, this.isHeld ? held : recordingOf(isrc)] as const);
      this.isHeld = false;
      return Promise.resolve(new Map<Isrc, never>(told as [Isrc, never][]));
    }
  }
  const source = new Held();
  const isrcs = codes(2001, 9);
  await aWorker(dataSource, source).drain(await anImport(isrcs), new AbortController().signal);
  source.found = [];
  const id = await anImport(isrcs, true);
  await aWorker(dataSource, source).drain(id, new AbortController().signal);
  expect(await endOf(id)).toMatchObject({ state: 'completed', refreshed: 9, failed: 0 });
  expect(source.found.length).toBeGreaterThan(0);
});

// SQLite has no way to its database that could be long.
if (DATABASE_ENGINE !== 'sqlite')
  it('J03 rows are worked off once, where the way of one worker to the database is longer than it renews its lease, and another takes them', async () => {
    const ROWS = 16;
    // A lease is to be renewed each 200 ms, and one question takes the slow one 400.
    const times = { leaseMs: 600, watchMs: 50, flushMs: 50, pollMs: 50, turnMs: 200 };
    const direct = new URL(database.url);
    const workers = await Promise.all(
      [1, 2].map(async () => {
        const proxy = await startTcpProxy(Number(direct.port));
        const connections = await openDataSource(Object.assign(new URL(direct), { port: proxy.port }).href);
        return { proxy, connections, tally: new RowTally() };
      }),
    );
    const id = await anImport(codes(5000, ROWS));
    const ended = new AbortController();
    try {
      const work = ({ connections, tally }: (typeof workers)[number]) =>
        aWorker(connections, new CountingSource(), times, tally).drain(id, ended.signal);
      const [slow, fast] = workers as [(typeof workers)[number], (typeof workers)[number]];
      slow.proxy.delay(200);
      fast.proxy.delay(10);
      const working = [work(slow)];
      await until('the slow one has rows', async () =>
        (await dataSource.manager.findBy(ImportRow, { importId: id })).some(({ attempts }) => attempts > 0),
      );
      working.push(work(fast));
      await Promise.all(working);
    } finally {
      ended.abort();
      for (const { proxy, connections } of workers) {
        await connections.destroy();
        await proxy.stop();
      }
    }
    const rows = await dataSource.manager.findBy(ImportRow, { importId: id });
    const of = (status: string) => rows.filter((row) => row.status === status).length;
    const { state, created, existing, notFound, failed } = await endOf(id);
    expect({ state, created, existing, notFound, failed }).toEqual({
      state: 'completed',
      created: of('created'),
      existing: of('existing'),
      notFound: of('not-found'),
      failed: of('failed'),
    });
    expect(created + existing + notFound + failed).toBe(ROWS);
    expect(rows.some(({ attempts }) => attempts > 1)).toBe(true); // taken from the slow one
    // What the workers say that they recorded, a row that was set aside apart: that is recorded by a claim.
    const told = workers.flatMap(({ tally }) => [...tally.all.values()]);
    expect(told.reduce((sum, each) => sum + each, 0)).toBe(ROWS - failed);
  });

describe('a code', () => {
  const at = (seconds: number) => new Date(Date.UTC(2026, 10, 22) + seconds * 1000);
  const claim = async (id: string, now: Date) => {
    const found = await ledger.claim(id, { limit: 10, leaseMs: LEASE_MS, now });
    if (found === null) throw new Error('there is no work');
    return found;
  };

  it('is asked for by one worker, until it is given back or the worker is taken for dead', async () => {
    const isrcs = codes(3000, 3);
    const one = await claim(await anImport(isrcs), at(0));
    const two = await claim(await anImport(isrcs), at(0));
    expect([...(await ledger.takeFlights(one, at(0)))].sort()).toEqual(isrcs);
    expect((await ledger.takeFlights(two, at(1))).size).toBe(0);
    await ledger.endFlights(two, isrcs); // they are not its own
    await ledger.endFlights(one, isrcs.slice(0, 1));
    expect([...(await ledger.takeFlights(two, at(1)))]).toEqual(isrcs.slice(0, 1));
    await ledger.renew(one, [2], at(20));
    expect([...(await ledger.takeFlights(two, at(13)))].sort()).toEqual([isrcs[0], isrcs[2]]);
    expect((await ledger.takeFlights(two, at(20))).size).toBe(3);
  });

  it('is not held for ever by a clock that was hours ahead, nor remembered when nobody asks', async () => {
    const isrcs = codes(4000, 2);
    const one = await claim(await anImport(isrcs), at(7200));
    await ledger.takeFlights(one, at(7200));
    const two = await claim(await anImport(isrcs), at(0));
    expect((await ledger.takeFlights(two, at(0))).size).toBe(2);
    await ledger.forgetFlights(at(30));
    expect((await ledger.takeFlights(two, at(30))).size).toBe(2);
    await ledger.forgetFlights(at(300));
    expect(await dataSource.query('SELECT * FROM import_flight')).toEqual([]);
  });
});
