import { execFile } from 'node:child_process';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import Sqlite from 'better-sqlite3';
import type { DataSource, EntityManager } from 'typeorm';
import { inTransaction } from '../../src/common/transaction';
import { openDataSource, rowsOf } from '../support/data-source';
import { createTestDatabase, type TestDatabase } from '../support/database';

jest.setTimeout(30_000);

const run = promisify(execFile);
const TRANSACTIONS = 400;
/** What a loaded test machine may add to a promise made in milliseconds. */
const SLACK_MS = 1_800; // a blocked loop would stand still for five seconds

let database: TestDatabase;
let dataSource: DataSource;

beforeEach(async () => {
  database = await createTestDatabase();
  dataSource = await openDataSource(database.url);
  await dataSource.query('CREATE TABLE storm (id INTEGER NOT NULL PRIMARY KEY, part INTEGER NOT NULL)');
  await dataSource.query('CREATE TABLE counter (id INTEGER NOT NULL PRIMARY KEY, value INTEGER NOT NULL)');
  await dataSource.query('INSERT INTO counter (id, value) VALUES (1, 0), (2, 0)');
});

afterEach(async () => {
  await dataSource.destroy();
  await database.drop();
});

const insert = (manager: EntityManager, id: number, part = 0): Promise<unknown> =>
  manager.query(`INSERT INTO storm (id, part) VALUES (${id}, ${part})`);
const increment = (manager: EntityManager, id: number): Promise<unknown> =>
  manager.query(`UPDATE counter SET value = value + 1 WHERE id = ${id}`);
const storedIds = async (): Promise<number[]> =>
  (await rowsOf<{ id: number }>(dataSource, 'SELECT id AS id FROM storm ORDER BY id')).map(({ id }) => id);
const counters = async (): Promise<number[]> =>
  (await rowsOf<{ value: number }>(dataSource, 'SELECT value AS value FROM counter ORDER BY id')).map(
    ({ value }) => value,
  );

it('keeps what is committed and nothing else, of 400 transactions at once of which a third fails', async () => {
  let turns = 0;
  const turning = setInterval(() => turns++, 1);
  const outcomes = await Promise.allSettled(
    Array.from({ length: TRANSACTIONS }, (_, n) =>
      inTransaction(dataSource, async (manager) => {
        await insert(manager, n);
        await manager.query('SELECT COUNT(*) AS n FROM storm');
        if (n % 3 === 0) throw new Error(`fails on purpose: ${n}`);
        await insert(manager, TRANSACTIONS + n);
        return n;
      }),
    ),
  );
  clearInterval(turning);
  const committed = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  const failures = outcomes.flatMap((outcome) =>
    outcome.status === 'rejected' ? [String(outcome.reason)] : [],
  );
  expect(failures.filter((failure) => !failure.includes('fails on purpose'))).toEqual([]);
  expect(committed).toHaveLength(266);
  expect(await storedIds()).toEqual([...committed, ...committed.map((n) => TRANSACTIONS + n)]);
  expect(turns).toBeGreaterThan(3); // nobody else had to wait for the end of it
});

it('lets statements outside of transactions see only what is committed', async () => {
  const seen = new Set<number>();
  const writing = Array.from({ length: 20 }, (_, n) =>
    inTransaction(dataSource, async (manager) => {
      await insert(manager, n, 1);
      await sleep(2);
      await insert(manager, 100 + n, 2);
    }),
  );
  const reading = (async () => {
    for (let read = 0; read < 40; read++) {
      const [row] = await rowsOf<{ n: string }>(dataSource, 'SELECT COUNT(*) AS n FROM storm');
      seen.add(Number(row?.n) % 2);
      await sleep(1);
    }
  })();
  await Promise.all([...writing, reading]);
  expect([...seen]).toEqual([0]);
});

it('undoes an inner transaction that fails, and everything when the outer one does', async () => {
  await dataSource.transaction(async (outer) => {
    await insert(outer, 1);
    await outer.transaction((inner) => insert(inner, 2));
    await expect(
      outer.transaction(async (inner) => {
        await insert(inner, 3);
        await inner.transaction((innermost) => insert(innermost, 4));
        throw new Error('inner');
      }),
    ).rejects.toThrow('inner');
    await insert(outer, 5);
  });
  await expect(
    dataSource.transaction(async (outer) => {
      await insert(outer, 6);
      await outer.transaction((inner) => insert(inner, 7));
      throw new Error('outer');
    }),
  ).rejects.toThrow('outer');
  expect(await storedIds()).toEqual([1, 2, 5]);
});

it('does not repeat work that fails by itself', async () => {
  let tries = 0;
  const failing = inTransaction(dataSource, async (manager) => {
    tries++;
    await insert(manager, 1);
    throw new RangeError('a bug');
  });
  await expect(failing).rejects.toThrow(RangeError);
  expect([tries, await storedIds()]).toEqual([1, []]);
});

it('lets every one of many who make the same row find it', async () => {
  const outcomes = await Promise.all(
    Array.from({ length: 30 }, () =>
      inTransaction(dataSource, async (manager) => {
        const found = await manager.query<unknown[]>('SELECT id FROM storm WHERE id = 7');
        if (found.length > 0) return 'found';
        await sleep(5);
        await insert(manager, 7);
        return 'made';
      }),
    ),
  );
  expect(outcomes.filter((outcome) => outcome === 'made')).toHaveLength(1);
});

it('gives up after two dozen tries when the same row is always there', async () => {
  await insert(dataSource.manager, 1);
  let tries = 0;
  const failing = inTransaction(dataSource, async (manager) => {
    tries++;
    await insert(manager, 1);
  });
  await expect(failing).rejects.toThrow(/duplicate|unique/i);
  expect(tries).toBe(24);
});

if (DATABASE_ENGINE === 'sqlite') {
  const path = () => database.url.slice('sqlite:'.length);

  it('counts right with three processes on one file, 300 transactions each', async () => {
    const loader = require.resolve('../support/require-typescript.cjs');
    const writer = require.resolve('../support/sqlite-writer.ts');
    const args = ['-r', loader, writer, path(), '300'];
    const results = await Promise.all([1, 2, 3].map(() => run(process.execPath, args)));
    for (const { stdout } of results) expect(JSON.parse(stdout)).toEqual({ failed: 0, first: null });
    expect(await counters()).toEqual([900, 0]);
  });

  it('waits for a file that another process has locked, without holding up this one', async () => {
    const other = new Sqlite(path());
    const delay = monitorEventLoopDelay({ resolution: 5 });
    try {
      other.exec('BEGIN IMMEDIATE; UPDATE counter SET value = 10 WHERE id = 1');
      delay.enable();
      const waiting = Promise.all([
        inTransaction(dataSource, (manager) => increment(manager, 1)),
        increment(dataSource.manager, 2), // a lone statement waits as well
      ]);
      await sleep(700);
      expect(delay.max / 1e6).toBeLessThan(200 + SLACK_MS);
      other.exec('COMMIT');
      await waiting;
      expect(await counters()).toEqual([11, 1]);
    } finally {
      other.close();
    }
  });
} else {
  /** Each on its first try only: what is arranged to go wrong must not go wrong again. */
  it('carries two transactions through that lock each other out', async () => {
    let tries = 0;
    let arrived = 0;
    const both = async () => {
      arrived++;
      while (arrived < 2) await sleep(1);
    };
    const crossing = (first: number, second: number) => {
      let isFirstTry = true;
      return inTransaction(dataSource, async (manager) => {
        tries++;
        await increment(manager, first);
        if (isFirstTry) {
          isFirstTry = false;
          await both();
        }
        await increment(manager, second);
        await insert(manager, first);
      });
    };
    await Promise.all([crossing(1, 2), crossing(2, 1)]);
    expect(tries).toBe(3);
    expect([await counters(), await storedIds()]).toEqual([
      [2, 2],
      [1, 2],
    ]);
  });

  it('D02 begins anew after a lock wait that took too long, and leaves no half of the first try', async () => {
    const holder = dataSource.createQueryRunner();
    await holder.startTransaction();
    await holder.query('UPDATE counter SET value = 5 WHERE id = 1');
    const parts: number[] = [];
    await inTransaction(dataSource, async (manager) => {
      parts.push(parts.length);
      await insert(manager, parts.length, parts.length);
      const patience = {
        mariadb: 'SET innodb_lock_wait_timeout = 1',
        postgres: `SET LOCAL lock_timeout = '300ms'`,
      };
      await manager.query(patience[DATABASE_ENGINE]);
      if (parts.length === 2) await holder.commitTransaction();
      await increment(manager, 1);
    });
    await holder.release();
    expect(parts).toEqual([0, 1]);
    expect([await counters(), await storedIds()]).toEqual([[6, 0], [2]]);
  });
}
