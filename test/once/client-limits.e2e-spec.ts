import { Logger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeTokenText } from '../../src/auth/api-token.text';
import { ClientLimits } from '../../src/client-limits/client-limits';
import { type Answer, startApp, type TestApp } from '../support/app';
import { createTestRedis, type TestRedis } from '../support/redis';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy';
import { expectProblem } from '../e2e/problem-check';

const REQUESTS = 20;
const FAILURES = 10;
const LIMITS = {
  CLIENT_REQUESTS_PER_MINUTE: String(REQUESTS),
  CLIENT_FAILURES_PER_MINUTE: String(FAILURES),
};

const statusesOf = async (count: number, call: () => Promise<Answer>): Promise<number[]> => {
  const statuses: number[] = [];
  for (let at = 0; at < count; at++) statuses.push((await call()).status);
  return statuses;
};
const many = (count: number, status: number): number[] => Array.from({ length: count }, () => status);

describe('limits of one process', () => {
  let service: TestApp;
  beforeEach(async () => {
    service = await startApp(LIMITS);
  });
  afterEach(() => service.stop());
  const me = (token: string | null): Promise<Answer> => service.call('GET', '/v1/me', { token });

  it('are told on every answer to a caller, and refuse with 429 and Retry-After what is beyond', async () => {
    const { reader, editor } = service.tokens;
    const first = await me(reader);
    expect(first.headers.get('ratelimit-policy')).toBe('"default";q=20;w=60');
    expect(first.headers.get('ratelimit')).toMatch(/^"default";r=19;t=(60|[1-5]\d)$/);
    const [missing, forbidden, invalid] = [
      await service.call('GET', '/v1/tracks/USWB10102873', { token: reader }),
      await service.call('POST', '/v1/tracks', { token: reader, json: { isrc: 'USWB10102873' } }),
      await service.call('GET', '/v1/tracks/nothing', { token: reader }),
    ];
    expect([missing, forbidden, invalid].map(({ status }) => status)).toEqual([404, 403, 400]);
    const left = [missing, forbidden, invalid].map(({ headers }) => headers.get('ratelimit'));
    expect(left.map((text) => /r=(\d+)/.exec(text ?? '')?.[1])).toEqual(['18', '17', '16']);

    expect(await statusesOf(18, () => me(reader))).toEqual([...many(16, 200), 429, 429]);
    const refused = await me(reader);
    expectProblem(refused, 'rate-limited', '/v1/me');
    const seconds = Number(refused.headers.get('retry-after'));
    expect(Number.isInteger(seconds) && seconds >= 1 && seconds <= 60).toBe(true);
    expect(refused.headers.get('ratelimit')).toBe(`"default";r=0;t=${seconds}`);
    // Another caller behind the same address has an allowance of its own; probes and documents need none.
    expect((await me(editor)).status).toBe(200);
    for (const path of ['/health/live', '/health/ready', '/openapi.json']) {
      const answer = await service.call('GET', path, { token: null });
      expect([answer.status, answer.headers.get('ratelimit')]).toEqual([200, null]);
    }
  });

  it('are charged for calls too whose body is refused before it is read to its end', async () => {
    const send = (body: string, type: string) =>
      service.call('POST', '/v1/tracks', { body, headers: { 'content-type': type } });
    const refused = [
      await send('{', 'application/json'),
      await send('x'.repeat(2 ** 20 + 1), 'application/json'),
      await send('a', 'text/plain'),
    ];
    expect(refused.map(({ status }) => status)).toEqual([400, 413, 415]);
    const left = refused.map(({ headers }) => /r=(\d+)/.exec(headers.get('ratelimit') ?? '')?.[1]);
    expect(left).toEqual(['19', '18', '17']);
  });

  it('slow a caller with bad tokens without harm to a good one behind the same address', async () => {
    expect(await statusesOf(FAILURES, () => me(makeTokenText()))).toEqual(many(FAILURES, 401));
    for (const bad of [makeTokenText(), 'nonsense', null]) {
      const refused = await me(bad);
      expectProblem(refused, 'rate-limited', '/v1/me');
      expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    }
    // Used for the first time here: what lets it in is not that it was seen before.
    for (const good of Object.values(service.tokens)) expect((await me(good)).status).toBe(200);
    expect((await service.call('GET', '/health/live', { token: null })).status).toBe(200);
  });

  it('let a call that does the work of many be charged for it', async () => {
    const limits = service.app.get(ClientLimits);
    const payer = { kind: 'api-token', subject: 'tok_busy' };
    expect(await limits.charge(payer, 16)).toMatchObject({
      ratelimit: expect.stringMatching(/^"default";r=4;t=\d+$/) as string,
    });
    await expect(Promise.resolve().then(() => limits.charge(payer, 5))).rejects.toMatchObject({
      slug: 'rate-limited',
    });
  });
});

it('are none where they are set to 0', async () => {
  const service = await startApp({ CLIENT_REQUESTS_PER_MINUTE: '0', CLIENT_FAILURES_PER_MINUTE: '0' });
  try {
    const answer = await service.call('GET', '/v1/me');
    expect([answer.status, answer.headers.get('ratelimit'), answer.headers.get('ratelimit-policy')]).toEqual([
      200,
      null,
      null,
    ]);
  } finally {
    await service.stop();
  }
});

describe('limits with Redis', () => {
  let redis: TestRedis;
  let proxy: TcpProxy;
  const services: TestApp[] = [];

  beforeEach(async () => {
    redis = await createTestRedis();
    proxy = await startTcpProxy(redis.port);
  });
  afterEach(async () => {
    await Promise.all(services.splice(0).map((service) => service.stop()));
    await proxy.stop();
    await redis.drop();
  });

  async function start(): Promise<TestApp> {
    const url = new URL(redis.url);
    url.port = String(proxy.port);
    const service = await startApp({ ...LIMITS, REDIS_URL: url.href });
    services.push(service);
    return service;
  }

  const charge = (service: TestApp, subject: string): Promise<boolean> =>
    Promise.resolve()
      .then(() => service.app.get(ClientLimits).charge({ kind: 'jwt', subject }))
      .then(
        () => true,
        () => false,
      );

  it('are shared by replicas', async () => {
    const [left, right] = [await start(), await start()];
    // On a machine that stands still for a while a replica may rightly have counted alone: such a round tells nothing.
    let timesAlone = 0;
    jest.spyOn(Logger.prototype, 'warn').mockImplementation((text: unknown) => {
      timesAlone += Number(String(text).includes('counting alone'));
    });
    for (let round = 0; ; round++) {
      const subject = `round-${round}`;
      const before = timesAlone;
      let granted = 0;
      for (let at = 0; at < 15; at++) {
        for (const service of [left, right]) granted += Number(await charge(service, subject));
      }
      const keys = await redis.client.keys(`deadwax:requests:jwt:${subject}`);
      if (timesAlone > before && round < 20) {
        await sleep(1_500); // until Redis is asked again
        continue;
      }
      expect([granted, keys]).toEqual([REQUESTS, [`deadwax:requests:jwt:${subject}`]]);
      expect(await redis.client.pttl(`deadwax:requests:jwt:${subject}`)).toBeGreaterThan(0);
      break;
    }
    jest.restoreAllMocks();
  });

  it.each(['cut', 'hang'] as const)(
    'hold in each process while Redis is away (%s), and calls go on',
    async (fault) => {
      const service = await start();
      expect((await service.call('GET', '/v1/me')).status).toBe(200);
      await proxy[fault]();
      const times: number[] = [];
      const statuses = await statusesOf(REQUESTS + 5, async () => {
        const startedAt = performance.now();
        const answer = await service.call('GET', '/v1/me');
        times.push(performance.now() - startedAt);
        return answer;
      });
      expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(REQUESTS - 1);
      expect(statuses.at(-1)).toBe(429);
      // One waits for a quarter of a second, the others not at all; the rest is for loaded machines.
      expect(Math.max(...times)).toBeLessThan(250 + 4_000);

      await proxy.restore();
      await redis.client.flushdb();
      for (let at = 0; (await redis.client.dbsize()) === 0; at++) {
        if (at > 500) throw new Error('Redis is not used again');
        await service.app.get(ClientLimits).charge({ kind: 'jwt', subject: `again ${at}` });
        await sleep(20);
      }
    },
  );
});
