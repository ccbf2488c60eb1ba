import { setTimeout as sleep } from 'node:timers/promises';
import Sqlite from 'better-sqlite3';
import { type Answer, startApp, type TestApp } from '../support/app';
import { assertConsistent } from '../support/consistency';
import { openDataSource, rowsOf } from '../support/data-source';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { startUnready } from '../support/unready-app';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy';

jest.setTimeout(30_000);

const ISRC = 'USWB10102873';
/** What a loaded test machine may add to a promise made in milliseconds. */
const SLACK_MS = 3_000;

async function timed<T>(work: () => Promise<T>): Promise<{ result: T; ms: number }> {
  const startedAt = performance.now();
  const result = await work();
  return { result, ms: performance.now() - startedAt };
}

async function eventually(what: string, withinMs: number, isTrue: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await isTrue())) {
    if (performance.now() > deadline) throw new Error(`not within ${withinMs} ms: ${what}`);
    await sleep(25);
  }
}

function expectUnavailable(answer: Answer): void {
  expect(answer.status).toBe(503);
  expect(answer.body).toMatchObject({ type: '/problems/database-unavailable' });
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(answer.text).not.toMatch(/ECONN|SELECT|password|127\.0\.0\.1|stack/i);
}

if (DATABASE_ENGINE === 'sqlite') {
  describe('a file that another process has locked', () => {
    let service: TestApp;
    beforeAll(async () => {
      service = await startApp();
    });
    afterAll(() => service.stop());

    it('is waited for, while everything else is answered', async () => {
      const other = new Sqlite(service.database.url.slice('sqlite:'.length));
      await service.call('GET', '/health/live', { token: null }); // the first call is slow by itself
      other.exec('BEGIN EXCLUSIVE');
      try {
        const writing = timed(() => service.call('POST', '/v1/tracks', { json: { isrc: ISRC } }));
        for (let turn = 0; turn < 20; turn++) {
          const live = await timed(() => service.call('GET', '/health/live', { token: null }));
          expect(live.result.status).toBe(200);
          expect(live.ms).toBeLessThan(100 + SLACK_MS);
          await sleep(25);
        }
        other.exec('ROLLBACK');
        const { result, ms } = await writing;
        expect(result.status).toBe(201);
        expect(ms).toBeLessThan(8_000);
      } finally {
        other.close();
      }
    });
  });
} else {
  describe('a database server that goes away', () => {
    let database: TestDatabase;
    let proxy: TcpProxy;
    let proxied: string;

    beforeEach(async () => {
      database = await createTestDatabase();
      const direct = new URL(database.url);
      proxy = await startTcpProxy(Number(direct.port));
      direct.port = String(proxy.port);
      direct.hostname = '127.0.0.1';
      proxied = direct.href;
    });
    afterEach(async () => {
      await proxy.stop();
      await database.drop();
    });

    it('D05 is waited for when it is not there at the start', async () => {
      await proxy.cut();
      const { app, url } = await startUnready({ DATABASE_URL: proxied });
      const status = async (path: string) => (await fetch(url + path)).status;
      try {
        expect(await status('/health/live')).toBe(200);
        expect([await status('/health/ready'), await status('/health/startup')]).toEqual([503, 503]);
        const early = await fetch(`${url}/v1/tracks`);
        expect(early.status).toBe(503);
        expect(early.headers.get('retry-after')).toMatch(/^\d+$/);
        expect(((await early.json()) as { type: string }).type).toBe('/problems/database-unavailable');
        await proxy.restore();
        await eventually('ready', 5000, async () => (await status('/health/ready')) === 200);
        expect([await status('/health/startup'), await status('/v1/tracks')]).toEqual([200, 401]);
      } finally {
        await app.close();
      }
    });

    if (DATABASE_ENGINE === 'postgres')
      // MariaDB's, with a primary and a replica: test/once/replication.spec.ts.
      it('D04 that takes no writes is left for the one that the address leads to next', async () => {
        const service = await startApp({ DATABASE_URL: database.url });
        const owner = await openDataSource(database.url);
        const sessions = `pg_stat_activity WHERE datname = current_database() AND application_name = 'deadwax' AND pid <> pg_backend_pid()`;
        try {
          const name = new URL(database.url).pathname.slice(1);
          // As of a standby that the address leads to for a while: whoever connects meanwhile may only read, and is let stay.
          await owner.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
          await owner.query(`SELECT pg_terminate_backend(pid) FROM ${sessions}`);
          const store = () => service.call('POST', '/v1/tracks', { json: { isrc: ISRC } });
          await eventually(
            'it reads',
            5_000 + SLACK_MS,
            async () => (await service.call('GET', '/v1/artists?name=trash')).status === 200,
          );
          const refused = await Promise.all(Array.from({ length: 20 }, store));
          refused.forEach(expectUnavailable);
          await Promise.all(Array.from({ length: 20 }, () => service.call('GET', '/v1/artists?name=trash')));
          await owner.query(`ALTER DATABASE ${name} SET default_transaction_read_only = off`);
          await eventually('writes are back', 5_000 + SLACK_MS, async () => (await store()).status === 201);
        } finally {
          await owner.destroy();
          await service.stop();
        }
      });

    it('can be shut down while it is not there', async () => {
      await proxy.cut();
      const { app, opened } = await startUnready({ DATABASE_URL: proxied });
      const { ms } = await timed(() => app.close());
      expect(ms).toBeLessThan(10_000);
      await opened;
    });

    it('is told within a second, and found again, when it dies and comes back', async () => {
      const service = await startApp({ DATABASE_URL: proxied });
      const ready = async () => (await service.call('GET', '/health/ready', { token: null })).status;
      try {
        expect((await service.call('POST', '/v1/tracks', { json: { isrc: ISRC } })).status).toBe(201);
        await proxy.cut();
        const calls = [
          service.call('GET', `/v1/tracks/${ISRC}`),
          service.call('GET', '/v1/artists?name=trash'),
          service.call('POST', '/v1/tracks', { json: { isrc: ISRC } }),
          service.call('POST', `/v1/tracks/${ISRC}/refresh`),
          service.call('DELETE', `/v1/tracks/${ISRC}`),
        ];
        const { result, ms } = await timed(() => Promise.all(calls));
        result.forEach(expectUnavailable);
        expect(ms).toBeLessThan(1000 + SLACK_MS);
        // A token that was good a moment ago is taken for that, but not for long: it may be revoked meanwhile.
        await eventually(
          'tokens refused',
          3_000 + SLACK_MS,
          async () => (await service.call('GET', '/v1/me')).status === 503,
        );
        expectUnavailable(await service.call('GET', '/v1/me'));
        await eventually('unready', 1500, async () => (await ready()) === 503);
        expect((await service.call('GET', '/health/live', { token: null })).status).toBe(200);
        await proxy.restore();
        await eventually('ready again', 5000, async () => (await ready()) === 200);
        expect((await service.call('GET', `/v1/tracks/${ISRC}`)).status).toBe(200);
        expect((await service.call('DELETE', `/v1/tracks/${ISRC}`)).status).toBe(204);
      } finally {
        await service.stop();
      }
    });

    it('holds nobody for ever when it accepts and never answers', async () => {
      const service = await startApp({ DATABASE_URL: proxied });
      const askReady = () => timed(() => service.call('GET', '/health/ready', { token: null }));
      try {
        expect((await service.call('POST', '/v1/tracks', { json: { isrc: ISRC } })).status).toBe(201);
        proxy.hang();
        const called = performance.now();
        const calls = Array.from({ length: 30 }, (_, n) =>
          n % 2 === 0
            ? service.call('GET', `/v1/tracks/${ISRC}`)
            : service.call('POST', `/v1/tracks/${ISRC}/refresh`),
        );
        const answered = Promise.all(calls).then((answers) => ({ answers, ms: performance.now() - called }));
        await sleep(1100); // the last good check is old by then
        const before = proxy.swallowed;
        for (let turn = 0; turn < 10; turn++) {
          const probes = await Promise.all(Array.from({ length: 10 }, askReady));
          for (const { result, ms } of probes) {
            expect(result.status).toBe(503);
            expect(ms).toBeLessThan(500 + SLACK_MS);
          }
          await sleep(100);
        }
        expect(proxy.swallowed - before).toBeLessThan(50); // a hundred probes are not a hundred questions
        expect((await service.call('GET', '/health/live', { token: null })).status).toBe(200);
        const { answers, ms } = await answered;
        answers.forEach(expectUnavailable);
        expect(ms).toBeLessThan(12_000);
        await proxy.restore();
        await eventually('ready again', 5000, async () => (await askReady()).result.status === 200);
        expect((await service.call('GET', `/v1/tracks/${ISRC}`)).status).toBe(200);
      } finally {
        await service.stop();
      }
    });

    it('D03 costs callers nothing worse than a 503 when it kills every connection under load', async () => {
      const service = await startApp({ DATABASE_URL: database.url });
      const killer = await openDataSource(database.url);
      try {
        let isLoaded = true;
        const statuses: number[] = [];
        const worker = async (n: number) => {
          while (isLoaded) {
            const answer =
              n % 3 === 0
                ? await service.call('POST', '/v1/tracks', { json: { isrc: ISRC } })
                : n % 3 === 1
                  ? await service.call('POST', `/v1/tracks/${ISRC}/refresh`)
                  : await service.call('DELETE', `/v1/tracks/${ISRC}`);
            statuses.push(answer.status);
            if (answer.status === 503) expectUnavailable(answer);
          }
        };
        const workers = Array.from({ length: 24 }, (_, n) => worker(n));
        let killed = 0;
        for (let turn = 0; turn < 15; turn++) {
          await sleep(100);
          killed += await killAll();
        }
        isLoaded = false;
        await Promise.all(workers);
        expect(killed).toBeGreaterThan(15);
        expect(statuses.filter((status) => ![200, 201, 204, 404, 503].includes(status))).toEqual([]);
        // Failures end with the connections that were killed: the pool fills anew.
        await killAll();
        const calls = () =>
          Promise.all(Array.from({ length: 10 }, () => service.call('GET', `/v1/artists?name=trash`)));
        await eventually('errors are over', 1_000 + SLACK_MS, async () =>
          (await calls()).every(({ status }) => status === 200),
        );
        for (let n = 0; n < 20; n++) expect((await service.call('GET', '/v1/me')).status).toBe(200);
        await assertConsistent(killer);
      } finally {
        await killer.destroy();
        await service.stop();
      }

      async function killAll(): Promise<number> {
        if (DATABASE_ENGINE === 'postgres') {
          return (
            await rowsOf(
              killer,
              'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
            )
          ).length;
        }
        const others = await rowsOf<{ id: number }>(
          killer,
          'SELECT id AS id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()',
        );
        for (const { id } of others) await killer.query(`KILL ${id}`).catch(() => undefined); // gone by itself
        return others.length;
      }
    });
  });
}
