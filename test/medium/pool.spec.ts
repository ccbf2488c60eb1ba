import Sqlite from 'better-sqlite3';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, startApp, type TestApp } from '../support/app';
import { openDataSource } from '../support/data-source';

jest.setTimeout(60_000);

const ISRC = 'USWB10102873';
const CONNECTIONS = 3;
const CALLERS = 30;
/** A lock is waited for up to 5 s, a silent statement 7 s, a connection 10 s; the rest is for loaded machines. */
const BOUND_MS = 7_000 + 8_000;

/** Holds every reader of the tracks up, by a connection of its own. */
async function lockTracks(service: TestApp): Promise<() => Promise<void>> {
  const other = await openDataSource(service.database.url);
  const runner = other.createQueryRunner();
  if (DATABASE_ENGINE === 'mariadb') {
    await runner.query('LOCK TABLES track WRITE');
  } else {
    await runner.startTransaction();
    await runner.query('LOCK TABLE track IN ACCESS EXCLUSIVE MODE');
  }
  return async () => {
    if (DATABASE_ENGINE === 'mariadb') await runner.query('UNLOCK TABLES');
    else await runner.rollbackTransaction();
    await runner.release();
    await other.destroy();
  };
}

if (DATABASE_ENGINE === 'sqlite') {
  it('D06 a file that another process keeps locked costs writers a bounded wait, and readers and probes nothing', async () => {
    const service = await startApp();
    const other = new Sqlite(service.database.url.slice('sqlite:'.length));
    try {
      other.exec('BEGIN EXCLUSIVE');
      const startedAt = performance.now();
      const calls = Promise.all(
        Array.from({ length: 5 }, () => service.call('POST', '/v1/tracks', { json: { isrc: ISRC } })),
      );
      const pending = new Set(['calls']);
      void calls.finally(() => {
        pending.clear();
      });
      do {
        expect((await service.call('GET', '/health/live', { token: null })).status).toBe(200);
        await sleep(200);
      } while (pending.size > 0);
      for (const answer of await calls) {
        expect([answer.status, answer.body]).toMatchObject([503, { type: '/problems/database-unavailable' }]);
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
      }
      expect(performance.now() - startedAt).toBeLessThan(10_000 + 40_000); // 10 s, and what a loaded machine adds
      other.exec('ROLLBACK');
      expect((await service.call('POST', '/v1/tracks', { json: { isrc: ISRC } })).status).toBe(201);
    } finally {
      other.close();
      await service.stop();
    }
  });
} else {
  it('D06 slow queries that use up the pool cost callers a bounded wait, and probes nothing', async () => {
    const service = await startApp({ DATABASE_POOL_SIZE: String(CONNECTIONS) });
    try {
      expect((await service.call('GET', `/v1/tracks/${ISRC}`)).status).toBe(404);
      const unlock = await lockTracks(service);
      const answers: { answer: Answer; ms: number }[] = [];
      const calls = Array.from({ length: CALLERS }, async () => {
        const startedAt = performance.now();
        const answer = await service.call('GET', `/v1/tracks/${ISRC}`);
        answers.push({ answer, ms: performance.now() - startedAt });
      });
      try {
        const probes: number[] = [];
        while (answers.length < CALLERS) {
          const startedAt = performance.now();
          const live = await service.call('GET', '/health/live', { token: null });
          const ready = await service.call('GET', '/health/ready', { token: null });
          probes.push(performance.now() - startedAt);
          expect(live.status).toBe(200);
          expect([200, 503]).toContain(ready.status);
          await sleep(50);
        }
        expect(Math.max(...probes)).toBeLessThan(500 + 2_500);
      } finally {
        await unlock();
        await Promise.all(calls);
      }
      for (const { answer, ms } of answers) {
        expect([answer.status, answer.body]).toMatchObject([503, { type: '/problems/database-unavailable' }]);
        expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
        expect(ms).toBeLessThan(BOUND_MS);
      }
      // And nothing of it stays: the pool is whole.
      const after = await Promise.all(
        Array.from({ length: CALLERS }, () => service.call('GET', `/v1/tracks/${ISRC}`)),
      );
      expect(after.map(({ status }) => status)).toEqual(after.map(() => 404));
    } finally {
      await service.stop();
    }
  });

  it('opens no more connections than it may', async () => {
    const service = await startApp({ DATABASE_POOL_SIZE: String(CONNECTIONS) });
    const other = await openDataSource(service.database.url);
    try {
      let most = 0;
      const calls = Promise.all(
        Array.from({ length: CALLERS }, () => service.call('GET', `/v1/tracks?artist=the`)),
      );
      for (let at = 0; at < 10; at++) {
        const [row] = await other.query<{ count: string }[]>(
          DATABASE_ENGINE === 'mariadb'
            ? 'SELECT COUNT(*) AS count FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()'
            : "SELECT COUNT(*) AS count FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
        );
        most = Math.max(most, Number(row?.count));
      }
      expect((await calls).every(({ status }) => status === 200)).toBe(true);
      expect(most).toBeGreaterThan(0);
      expect(most).toBeLessThanOrEqual(CONNECTIONS);
    } finally {
      await other.destroy();
      await service.stop();
    }
  });
}
