import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Balancer } from '../support/balancer';
import { type BuiltService, buildService, type RunningProcess } from '../support/built-service';
import { type LoadCall, SteadyLoad } from '../support/steady-load';
import { until } from '../support/until';

/*
 * Row O04: replicas restarted one after the other behind a balancer, under steady load. Three restarts each time; the row's own
 * figures by DEADWAX_RESTARTS=20 DEADWAX_RESTARTS_RPS=500.
 */

const RESTARTS = Number(process.env['DEADWAX_RESTARTS'] ?? 3);
const CALLS_PER_SECOND = Number(process.env['DEADWAX_RESTARTS_RPS'] ?? 60);
const REPLICAS = 3;
const TOKEN = 'operator-of-the-restart-tests-01234567890';
const ISRC = 'USWB10102873';
const READY = /ready at http:\/\/[^:]+:(\d+)/;
/** The balancer asks ten times a second, and a loaded machine may be late. */
const DELAY_MS = 2_000;

jest.setTimeout(60_000 + RESTARTS * 30_000);

let service: BuiltService;
beforeAll(() => {
  service = buildService();
});
afterAll(() => service.remove());

const CALLS: LoadCall[] = [
  { method: 'GET', path: `/v1/tracks/${ISRC}` },
  { method: 'GET', path: '/v1/me' },
  { method: 'POST', path: '/v1/tracks', body: { isrc: ISRC } },
  { method: 'POST', path: '/v1/tracks/lookup', body: { isrcs: [ISRC, 'GBAYE0601498'] } },
];

it(`O04 ${RESTARTS} rolling restarts of ${REPLICAS} replicas at ${CALLS_PER_SECOND} calls a second: no call fails`, async () => {
  const cwd = service.folder();
  const environment = {
    DATABASE_URL: `sqlite:${join(cwd, 'shared.db')}`,
    AUTH_BOOTSTRAP_TOKEN: TOKEN,
    CLIENT_REQUESTS_PER_MINUTE: '0',
    LOG_LEVEL: 'warn',
    SHUTDOWN_DELAY_MS: String(DELAY_MS),
  };
  const start = async (port = 0): Promise<{ running: RunningProcess; port: number }> => {
    const running = service.start({ ...environment, PORT: String(port) }, { cwd });
    const [, told = ''] = await running.says(READY);
    return { running, port: Number(told) };
  };
  const replicas = [await start(), ...(await Promise.all([start(), start()]))];
  const balancer = await Balancer.start(replicas.map(({ port }) => port));
  let load: SteadyLoad | undefined;
  try {
    for (const { port } of replicas) await until('ready', () => balancer.isUp(port));
    // Fetched before the load begins, so that all calls have one good answer.
    const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ isrc: ISRC });
    expect((await fetch(`${balancer.url}/v1/tracks`, { method: 'POST', headers, body })).status).toBe(201);
    load = new SteadyLoad(balancer.url, TOKEN, CALLS, CALLS_PER_SECOND);
    for (let restart = 0; restart < RESTARTS; restart++) {
      const at = restart % REPLICAS;
      const { running, port } = replicas[at] ?? (await start());
      running.child.kill('SIGTERM');
      expect((await running.ended).code).toBe(0);
      expect(balancer.isUp(port)).toBe(false);
      replicas[at] = await start(port);
      await until('ready again', () => balancer.isUp(port));
    }
    await sleep(500);
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(load.sent).toBeGreaterThan(RESTARTS * CALLS_PER_SECOND);
  } finally {
    balancer.stop();
    await load?.stop();
    for (const { running } of replicas) running.child.kill('SIGTERM');
    await Promise.all(replicas.map(({ running }) => running.ended));
  }
});
