import { DataSource } from 'typeorm';
import { VERSION } from '../../src/config/version';
import { ProcessHealth } from '../../src/health/process.health';
import { type Answer, startApp, type TestApp } from '../support/app';
import { expectProblem } from './problem-check';

describe('health', () => {
  let service: TestApp;
  beforeAll(async () => {
    service = await startApp();
  });
  afterAll(() => service.stop());
  afterEach(() => {
    jest.restoreAllMocks();
  });

  const probe = (name: string, options = {}): Promise<Answer> =>
    service.call('GET', `/health/${name}`, { token: null, ...options });
  /** Longer than what a check is good for. */
  const untilStale = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 1_050));

  it.each(['live', 'ready', 'startup'])('%s is ok, and is never kept', async (name) => {
    const answer = await probe(name);
    expect([answer.status, answer.body]).toEqual([200, { status: 'ok' }]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('etag')).toBeNull();
    expect((await probe(name, { headers: { authorization: 'Bearer nonsense' } })).status).toBe(200);
    expectProblem(await probe(`${name}?verbose=1`), 'invalid-request', `/health/${name}`);
  });

  it('live and startup touch nothing', async () => {
    const query = jest.spyOn(service.app.get(DataSource), 'query');
    for (let call = 0; call < 5; call++) for (const name of ['live', 'startup']) await probe(name);
    expect(query).not.toHaveBeenCalled();
  });

  it('O02 a hundred at once cost one real check, and those right after it none', async () => {
    await untilStale();
    const query = jest.spyOn(service.app.get(DataSource), 'query');
    const startedAt = Date.now();
    // One check a second, however long the machine takes for the hundred.
    const most = () => 2 + Math.floor((Date.now() - startedAt) / 1000);
    const answers = await Promise.all(Array.from({ length: 100 }, () => probe('ready')));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(query.mock.calls.length).toBeGreaterThanOrEqual(1);
    expect(query.mock.calls.length).toBeLessThanOrEqual(most());
    for (let call = 0; call < 10; call++) await probe('ready');
    expect(query.mock.calls.length).toBeLessThanOrEqual(most());
  });

  it('ready is 503 in 500 ms while the database hangs, and live is 200', async () => {
    await untilStale();
    let release = (): void => undefined;
    const hanging = new Promise<void>((resolve) => (release = resolve));
    jest.spyOn(service.app.get(DataSource), 'query').mockImplementation(() => hanging);
    const startedAt = Date.now();
    const [ready, again, live] = await Promise.all([probe('ready'), probe('ready'), probe('live')]);
    expect(Date.now() - startedAt).toBeLessThan(5_000); // half a second on a quiet machine; for ever without the limit
    expect([ready.status, ready.body]).toEqual([503, { status: 'error' }]);
    expect(again.status).toBe(503);
    expect(live.status).toBe(200);
    const full = await service.call('GET', '/health', { token: service.tokens.operator });
    expect([full.status, full.body.error.database.status]).toEqual([503, 'down']);
    release();
    jest.restoreAllMocks();
    await untilStale();
    expect((await probe('ready')).status).toBe(200);
  });

  it('ready is 503 while the database refuses', async () => {
    await untilStale();
    jest.spyOn(service.app.get(DataSource), 'query').mockRejectedValue(new Error('refused by the test'));
    const ready = await probe('ready');
    expect([ready.status, ready.body]).toEqual([503, { status: 'error' }]);
    expect(ready.text).not.toContain('refused');
    jest.restoreAllMocks();
    await untilStale();
  });

  it('a figure that is worrying is degraded, and makes nothing unready', async () => {
    const loop = service.app.get(ProcessHealth);
    jest.spyOn(loop as unknown as { delayMs(): number }, 'delayMs').mockReturnValue(900);
    const full = await service.call('GET', '/health', { token: service.tokens.operator });
    expect([full.status, full.body.status]).toEqual([200, 'degraded']);
    expect(full.body.details.eventLoop).toMatchObject({ status: 'degraded', p99Ms: 900 });
    expect((await probe('ready')).body).toEqual({ status: 'ok' });
  });

  it('is not told in full without the scope', async () => {
    expectProblem(await service.call('GET', '/health', { token: null }), 'unauthenticated', '/health');
    const { reader } = service.tokens;
    expectProblem(await service.call('GET', '/health', { token: reader }), 'insufficient-scope', '/health');
  });

  it('a process that leaves is not ready at once, lives, and says so in full', async () => {
    const other = await startApp();
    try {
      const ask = (path: string) => other.call('GET', path, { token: other.tokens.operator });
      expect((await ask('/health/ready')).status).toBe(200);
      other.app.getHttpAdapter().getInstance().departure.begin();
      const ready = await ask('/health/ready');
      expect([ready.status, ready.body]).toEqual([503, { status: 'error' }]);
      expect(ready.headers.get('connection')).toBe('close');
      expect((await ask('/health/live')).status).toBe(200);
      const full = await ask('/health');
      expect([full.status, full.body.status]).toEqual([503, 'shutting_down']);
    } finally {
      await other.stop();
    }
  });

  it('the full view, for whoever may see it', async () => {
    const answer = await service.call('GET', '/health', { token: service.tokens.operator });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    // A loaded machine can slow the event loop, which is told, and no fault.
    const { eventLoop } = answer.body.details;
    expect(['up', 'degraded']).toContain(eventLoop.status);
    expect(answer.body).toMatchObject({
      status: eventLoop.status === 'up' ? 'ok' : 'degraded',
      details: {
        database: { status: 'up', engine: service.database.engine, state: 'ready' },
        source: { status: 'up', name: 'sample' },
        process: { status: 'up', version: VERSION, uptimeSeconds: expect.any(Number) },
        eventLoop: { p99Ms: expect.any(Number) },
      },
    });
    expect(answer.body.details.process.heapBytes).toBeLessThan(answer.body.details.process.heapLimitBytes);
    expect(Object.keys(answer.body.details).includes('disk')).toBe(service.database.engine === 'sqlite');
    expect(answer.body.details).not.toHaveProperty('redis');
    expect(answer.body.details.process.residentBytes).toBeGreaterThan(10_000_000);
    expect(answer.text).not.toMatch(/127\.0\.0\.1|password|deadwax_[0-9a-f]/);
  });
});
