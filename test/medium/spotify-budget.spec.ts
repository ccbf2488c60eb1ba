import { DataSource } from 'typeorm';
import { parseDatabaseUrl } from '../../src/config/database-url';
import { createDataSource, toDataSourceOptions } from '../../src/database/data-source';
import { migrate } from '../../src/database/migrator';
import type { BudgetLimits } from '../../src/spotify/budget-state';
import { SpotifyBudgetRepository } from '../../src/spotify/spotify-budget.repository';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { mostInWindow } from '../support/upstream-world';

const START_MS = Date.UTC(2026, 10, 20);

describe('the budget that processes share through the database', () => {
  let database: TestDatabase;
  const open: DataSource[] = [];

  beforeEach(async () => {
    database = await createTestDatabase();
    await migrate(await connect());
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((each) => each.destroy()));
    await database.drop();
  });

  /** A data source of its own for each: as much apart as processes are, but for the event loop. */
  async function connect(): Promise<DataSource> {
    const parsed = parseDatabaseUrl(database.url);
    if ('fault' in parsed) throw new Error(parsed.fault);
    const dataSource = await createDataSource(toDataSourceOptions(parsed.address)).initialize();
    open.push(dataSource);
    return dataSource;
  }

  it('lets no more calls through in a window than configured, whichever instance asks', async () => {
    const limits = limitsOf({ requestsPer30s: 40 });
    let now = START_MS;
    const instances = await Promise.all(
      [0, 1, 2].map(async () => new SpotifyBudgetRepository(await connect(), () => now)),
    );
    const sent: number[] = [];
    for (let step = 0; step < 70; step += 1) {
      now += 1000;
      const lane = step % 2 === 0 ? 'bulk' : 'interactive';
      const asked = instances.flatMap((each) => [
        each.reserve(lane, limits),
        each.reserve('interactive', limits),
      ]);
      const decisions = await Promise.all(asked);
      const sentAt = decisions.flatMap((decision) => (decision.kind === 'go' ? [decision.sentAt] : []));
      sent.push(...sentAt);
      await Promise.all(
        sentAt.map(async (at, index) => instances[index % 3]?.recordAnswer({ sentAt: at, outcome: 'ok' })),
      );
    }
    expect(mostInWindow(sent, 30_000)).toBe(40);
  });

  it('counts every call once when all write at the same moment', async () => {
    const limits = limitsOf({ requestsPer30s: 0, requestsPerDay: 50 });
    const instances = await Promise.all(
      [0, 1, 2].map(async () => new SpotifyBudgetRepository(await connect(), () => START_MS)),
    );
    const decisions = [];
    for (let round = 0; round < 10; round += 1) {
      const asked = instances.flatMap((each) => [
        each.reserve('interactive', limits),
        each.reserve('bulk', limits),
      ]);
      decisions.push(...(await Promise.all(asked)));
    }
    expect(decisions.filter(({ kind }) => kind === 'go')).toHaveLength(50);
    expect(await instances[0]?.describe(limits)).toMatchObject({ day: { used: 50, limit: 50 } });
  });

  it('keeps a cooldown and the count of the day over a restart, and lets one probe out', async () => {
    const limits = limitsOf({ requestsPer30s: 40, requestsPerDay: 800 });
    let now = START_MS;
    const clock = () => now;
    const before = new SpotifyBudgetRepository(await connect(), clock);
    const decision = await before.reserve('bulk', limits);
    if (decision.kind !== 'go') throw new Error('the first call has to go');
    await before.recordAnswer({ sentAt: decision.sentAt, outcome: 'quota', retryAfterMs: 46_649_000 });
    await Promise.all(open.splice(0).map((each) => each.destroy()));

    const untilMs = START_MS + 46_649_000;
    const after = [0, 1].map(async () => new SpotifyBudgetRepository(await connect(), clock));
    const instances = await Promise.all(after);
    now = untilMs - 1;
    for (const each of instances) {
      expect(await each.reserve('interactive', limits)).toMatchObject({
        kind: 'wait',
        untilMs,
        reason: 'cooldown',
      });
    }
    expect(await instances[0]?.describe(limits)).toEqual({
      bulkCallsPerMinute: 80,
      window: { used: 0, limit: 40, learned: null },
      day: { used: 1, limit: 800, bulkUsed: 1, bulkLimit: 640 },
      cooldown: { untilMs, reason: 'quota', isProbing: false },
    });
    now = untilMs;
    const asked = instances.flatMap((each) => [
      each.reserve('bulk', limits),
      each.reserve('interactive', limits),
    ]);
    const probes = await Promise.all(asked);
    expect(probes.filter(({ kind }) => kind === 'go')).toHaveLength(1);
    expect(probes.filter((each) => each.kind === 'wait' && each.reason === 'probe')).toHaveLength(3);
  });

  it('keeps instances whose clocks differ by minutes to one time', async () => {
    const limits = limitsOf({ requestsPer30s: 20 });
    let now = START_MS;
    const instances = [
      new SpotifyBudgetRepository(await connect(), () => now),
      new SpotifyBudgetRepository(await connect(), () => now - 120_000),
    ];
    const sent: number[] = [];
    for (let step = 0; step < 300; step += 1) {
      now += 300;
      const instance = instances[step % 2];
      const decision = await instance?.reserve('interactive', limits);
      if (decision?.kind === 'go') {
        sent.push(now);
        await instance?.recordAnswer({ sentAt: decision.sentAt, outcome: 'ok' });
      } else if (decision !== undefined) {
        // Told by the asker's own clock.
        expect(decision.untilMs).toBeGreaterThan(now - (step % 2) * 120_000 - 300);
        expect(decision.untilMs).toBeLessThan(now - (step % 2) * 120_000 + 31_000);
      }
    }
    // The clocks agree to one step of this loop, in which the faster one's time reaches the slower one.
    expect(mostInWindow(sent, 29_700)).toBeLessThanOrEqual(20);
    expect(sent.length).toBeGreaterThanOrEqual(60);
  });

  it('has the columns that the migrations made', async () => {
    const { upQueries } = await (await connect()).driver.createSchemaBuilder().log();
    expect(upQueries.map(({ query }) => query)).toEqual([]);
  });

  it('holds 2,000 calls in its column', async () => {
    const limits = limitsOf({ requestsPer30s: 0 });
    const repository = new SpotifyBudgetRepository(await connect(), () => START_MS);
    const asked = Array.from({ length: 2001 }, () => repository.reserve('interactive', limits));
    const decisions = await Promise.all(asked);
    expect(decisions.filter(({ kind }) => kind === 'go')).toHaveLength(2000);
    expect(await repository.describe(limits)).toMatchObject({ window: { used: 2000 } });
  });

  it('refuses the callers when the database is gone, and serves those after it is back', async () => {
    const limits = limitsOf({});
    const dataSource = await connect();
    const repository = new SpotifyBudgetRepository(dataSource, () => START_MS);
    await dataSource.destroy();
    const asked = await Promise.allSettled([
      repository.reserve('bulk', limits),
      repository.reserve('bulk', limits),
    ]);
    expect(asked.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    await dataSource.initialize();
    expect(await repository.reserve('bulk', limits)).toMatchObject({ kind: 'go' });
  });
});

function limitsOf(some: Partial<BudgetLimits>): BudgetLimits {
  return { requestsPer30s: 0, requestsPerDay: 0, callTimeoutMs: 10_000, ...some };
}
