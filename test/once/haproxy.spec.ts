import { setTimeout as sleep } from 'node:timers/promises';
import { fakeTrack } from '../fakes/spotify/fake-track';
import { type SpotifyFake, startSpotifyFake } from '../fakes/spotify/spotify-fake';
import { type BuiltService, buildService, type RunningProcess } from '../support/built-service';
import { Haproxy } from '../support/haproxy';
import { freePorts, type MariadbNode, type Nodes, startMariadb } from '../support/mariadb-nodes';
import { createTestRedis, type TestRedis } from '../support/redis';
import { type LoadCall, SteadyLoad } from '../support/steady-load';
import { until } from '../support/until';

/*
 * Three servers behind HAProxy, with the configuration that is shipped; one database, one Redis, one Spotify.
 * Row O04 in full by DEADWAX_RESTARTS=20 DEADWAX_RESTARTS_RPS=500.
 */

const RESTARTS = Number(process.env['DEADWAX_RESTARTS'] ?? 3);
const CALLS_PER_SECOND = Number(process.env['DEADWAX_RESTARTS_RPS'] ?? 60);

jest.setTimeout(240_000 + RESTARTS * 30_000);

const TOKEN = 'an-admin-token-for-the-haproxy-test-0123456789';
const BUDGET = 150;
const isrcOf = (at: number) => `QZHAP26${String(at).padStart(5, '0')}`;
const SERVERS = [0, 1, 2] as const;
/** HAProxy asks each second, and a loaded machine may be late. */
const DELAY_MS = 3_000;

let database: Nodes<[MariadbNode]>;
let redis: TestRedis;
let spotify: SpotifyFake;
let service: BuiltService;
let balancer: Haproxy;
let url: string;
let ports: number[];
const running: RunningProcess[] = [];

async function startServer(at: number): Promise<void> {
  const process = service.start({
    PORT: String(ports[at]),
    DATABASE_URL: database.nodes[0].url('deadwax'),
    REDIS_URL: redis.url,
    AUTH_BOOTSTRAP_TOKEN: TOKEN,
    TRUST_PROXY: 'loopback',
    SPOTIFY_CLIENT_ID: spotify.clientId,
    SPOTIFY_CLIENT_SECRET: spotify.clientSecret,
    SPOTIFY_API_URL: spotify.apiUrl,
    SPOTIFY_ACCOUNTS_URL: spotify.accountsUrl,
    SPOTIFY_REQUESTS_PER_30S: String(BUDGET),
    SPOTIFY_REQUESTS_PER_DAY: '0',
    CLIENT_REQUESTS_PER_MINUTE: '0', // one client makes all the load
    SHUTDOWN_DELAY_MS: String(DELAY_MS),
    LOG_LEVEL: 'warn',
  });
  running[at] = process;
  await process.says(/Deadwax is ready/);
}

beforeAll(async () => {
  service = buildService();
  [database, redis, spotify, ports] = await Promise.all([
    startMariadb(),
    createTestRedis(),
    startSpotifyFake({ catalogue: Array.from({ length: 500 }, (_, at) => fakeTrack({ isrc: isrcOf(at) })) }),
    freePorts(4),
  ]);
  await Promise.all(SERVERS.map(startServer));
  const [one = 0, two = 0, three = 0, listen = 0] = ports;
  balancer = await Haproxy.start(listen, [one, two, three]);
  url = balancer.url;
});

afterAll(async () => {
  await balancer.stop();
  await service.remove();
  await redis.drop();
  await database.stop();
  await spotify.stop();
});

interface Answer {
  status: number;
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- whatever JSON says
  body: any;
}

/** Status 0 where the connection broke. */
async function call(path: string, body?: object): Promise<Answer> {
  try {
    const response = await fetch(url + path, {
      headers: { authorization: `Bearer ${TOKEN}`, ...(body ? { 'content-type': 'application/json' } : {}) },
      ...(body ? { method: 'POST', body: JSON.stringify(body) } : {}),
    });
    const text = await response.text();
    // HAProxy's own refusals are pages.
    const isJson = response.headers.get('content-type')?.includes('json') === true;
    return { status: response.status, body: isJson ? (JSON.parse(text) as unknown) : null };
  } catch {
    return { status: 0, body: null };
  }
}

/** Reads by several clients while `disturb` does what it does; the statuses that they got. */
async function readsWhile(disturb: () => Promise<void>): Promise<Map<number, number>> {
  const statuses = new Map<number, number>();
  let isOver = false;
  const clients = Array.from({ length: 8 }, async () => {
    while (!isOver) {
      const { status } = await call(`/v1/tracks/${isrcOf(0)}`);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      await sleep(10);
    }
  });
  await disturb();
  isOver = true;
  await Promise.all(clients);
  return statuses;
}

it('U01 a hundred callers for one cold code cost one call of Spotify a server at most, and make one track', async () => {
  const answers = await Promise.all(
    Array.from({ length: 100 }, () => call('/v1/tracks', { isrc: isrcOf(0) })),
  );
  const statuses = answers.map(({ status }) => status);
  expect(statuses.filter((status) => status === 201)).toHaveLength(1);
  expect(statuses.filter((status) => status === 200)).toHaveLength(99);
  expect(spotify.stats.searches[isrcOf(0)]).toBeLessThanOrEqual(3);
});

it('a server killed under load costs no caller an answer, and an import goes on without it', async () => {
  const codes = Array.from({ length: 60 }, (_, at) => isrcOf(100 + at));
  const answer = await call('/v1/imports', { isrcs: codes });
  expect(answer.status).toBe(202);
  const { id } = answer.body as { id: string };
  const statuses = await readsWhile(async () => {
    await sleep(300);
    running[1]?.child.kill('SIGKILL');
    await sleep(3_000);
    await startServer(1);
  });
  expect([...statuses.keys()]).toEqual([200]);

  const deadline = Date.now() + 60_000;
  let view: { status: string; total: number; counts: Record<string, number> };
  do {
    await sleep(200);
    view = (await call(`/v1/imports/${id}`)).body as typeof view;
  } while (view.status !== 'completed' && Date.now() < deadline);
  expect(view).toMatchObject({
    status: 'completed',
    total: 60,
    counts: { created: 60, pending: 0, failed: 0 },
  });
});

it(`O04 ${RESTARTS} rolling restarts at ${CALLS_PER_SECOND} calls a second: no call fails`, async () => {
  const calls: LoadCall[] = [
    { method: 'GET', path: `/v1/tracks/${isrcOf(0)}` },
    { method: 'POST', path: '/v1/tracks', body: { isrc: isrcOf(0) } },
    { method: 'POST', path: '/v1/tracks/lookup', body: { isrcs: [isrcOf(0), isrcOf(499)] } },
    // One that HAProxy may not send again.
    { method: 'POST', path: '/graphql', body: { query: `{ track(isrc: "${isrcOf(0)}") { title } }` } },
  ];
  const load = new SteadyLoad(url, TOKEN, calls, CALLS_PER_SECOND);
  for (let restart = 0; restart < RESTARTS; restart++) {
    const at = restart % SERVERS.length;
    running[at]?.child.kill('SIGTERM');
    expect((await running[at]?.ended)?.code).toBe(0);
    await startServer(at);
    await balancer.sees(at, 'UP');
  }
  await load.stop();
  expect(load.failures).toEqual([]);
  expect(load.sent).toBeGreaterThan(RESTARTS * CALLS_PER_SECOND);
});

it('U02 when Spotify asks to wait for seven seconds, no server calls it before', async () => {
  spotify.resetStats();
  const banEnds = Date.now() + 7_000; // no later than it ends there: calls meanwhile would only lengthen it
  spotify.ban(7);
  const during: Answer[] = [];
  for (let at = 200; Date.now() < banEnds; at++) {
    const answer = await call('/v1/tracks', { isrc: isrcOf(at) });
    // One that came after the end may have been served rightly, however early it was sent.
    if (Date.now() < banEnds) during.push(answer);
    expect((await call(`/v1/tracks/${isrcOf(0)}`)).status).toBe(200);
    await sleep(100);
  }
  expect(during).not.toHaveLength(0);
  expect(during[0]).toMatchObject({ status: 503, body: { type: '/problems/source-unavailable' } });
  expect(during.filter(({ status }) => status !== 503)).toEqual([]);
  expect(spotify.stats.callsDuringBan).toBeLessThanOrEqual(1);
});

it('all servers together keep to one budget', async () => {
  spotify.resetStats();
  spotify.liftBans();
  // Servers that heard of the ban above late wait longer.
  await until('Spotify is asked again', async () => {
    return (await call('/v1/tracks', { isrc: isrcOf(250) })).status < 300;
  });
  const statuses = new Set<number>();
  await Promise.all(
    Array.from({ length: 200 }, async (_, at) =>
      statuses.add((await call('/v1/tracks', { isrc: isrcOf(260 + at) })).status),
    ),
  );
  expect([...statuses].filter((status) => ![201, 503].includes(status))).toEqual([]);
  expect(spotify.stats.peakIn30s).toBeGreaterThan(0);
  expect(spotify.stats.peakIn30s).toBeLessThanOrEqual(BUDGET);
});
