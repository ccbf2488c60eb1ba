import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fakeTrack } from '../fakes/spotify/fake-track';
import { type SpotifyFake, startSpotifyFake } from '../fakes/spotify/spotify-fake';
import { type BuiltService, buildService, type RunningProcess } from '../support/built-service';

/* The built service as a process of its own, so that what it is busy with does not hold up who measures. */

jest.setTimeout(90_000);

const TOKEN = 'a-token-of-the-test-that-is-long-enough';
const ISRC = 'GBOVL2400000';

interface Outcome {
  readonly status: number;
  readonly type: string;
  readonly retryAfter: string | undefined;
  readonly ms: number;
}

let service: BuiltService;
let spotify: SpotifyFake;
let running: RunningProcess;
let url: string;
const agent = new Agent({ keepAlive: false, maxSockets: Infinity });

beforeAll(async () => {
  service = buildService();
  spotify = await startSpotifyFake({ catalogue: [fakeTrack({ isrc: ISRC })] });
  running = service.start({
    AUTH_BOOTSTRAP_TOKEN: TOKEN,
    LOG_LEVEL: 'fatal',
    CLIENT_REQUESTS_PER_MINUTE: '0',
    SPOTIFY_CLIENT_ID: spotify.clientId,
    SPOTIFY_CLIENT_SECRET: spotify.clientSecret,
    SPOTIFY_API_URL: spotify.apiUrl,
    SPOTIFY_ACCOUNTS_URL: spotify.accountsUrl,
    SPOTIFY_REQUESTS_PER_30S: '0',
    SPOTIFY_REQUESTS_PER_DAY: '0',
  });
  url = (await running.says(/ready at (http:[^\s"]+)/))[1] ?? '';
});
afterAll(async () => {
  await service.remove();
  await spotify.stop();
});

function call(method: string, path: string, body?: unknown): Promise<Outcome> {
  const startedAt = performance.now();
  return new Promise((resolve, reject) => {
    const sent = request(url + path, {
      agent,
      method,
      headers: {
        authorization: `Bearer ${TOKEN}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
    });
    sent.once('error', reject);
    sent.once('response', (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => (text += part));
      answer.once('end', () => {
        const { type = '' } = JSON.parse(text) as { type?: string };
        const retryAfter = answer.headers['retry-after'];
        resolve({ status: answer.statusCode ?? 0, type, retryAfter, ms: performance.now() - startedAt });
      });
    });
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

it('tells who comes when too much is in hand to come back, answers probes meanwhile, and goes on as before after', async () => {
  expect((await call('POST', '/v1/tracks', { isrc: ISRC })).status).toBe(201);
  // Everyone waits for Spotify, which does not answer.
  const letGo = spotify.hold();
  const isrcOf = (at: number): string => `GBOVL25${String(at).padStart(5, '0')}`;
  const probes: Outcome[] = [];
  const probing = new AbortController();
  const watching = (async () => {
    while (!probing.signal.aborted) {
      for (const path of ['/health/live', '/health/ready']) probes.push(await call('GET', path));
      await sleep(100);
    }
  })();
  const calls = Promise.all(
    Array.from({ length: 3_000 }, (_, at) => call('POST', '/v1/tracks', { isrc: isrcOf(at) })),
  );
  await sleep(6_000); // the wait for a turn is over for all
  letGo();
  const outcomes = await calls;
  probing.abort();
  await watching;

  const refused = outcomes.filter(({ type }) => type === '/problems/overloaded');
  expect(refused.length).toBeGreaterThan(100);
  for (const { status, retryAfter } of refused) expect([status, retryAfter]).toEqual([503, '2']);
  // Three seconds, and what a loaded machine adds.
  expect(Math.max(...refused.map(({ ms }) => ms))).toBeLessThan(3_000 + 12_000);
  // Whoever had a turn is told what became of it.
  const others = new Set(
    outcomes.filter(({ type }) => type !== '/problems/overloaded').map(({ status }) => status),
  );
  for (const status of others) expect([404, 503, 504]).toContain(status);
  expect(probes.length).toBeGreaterThan(4);
  // Alive throughout; on a loaded machine the database may rightly be told to be slow.
  expect(new Set(probes.filter((_, at) => at % 2 === 0).map(({ status }) => status))).toEqual(new Set([200]));
  for (const { status } of probes) expect([200, 503]).toContain(status);
  expect(Math.max(...probes.map(({ ms }) => ms))).toBeLessThan(20_000);

  const after = await Promise.all(Array.from({ length: 200 }, () => call('GET', `/v1/tracks/${ISRC}`)));
  expect(new Set(after.map(({ status }) => status))).toEqual(new Set([200]));
});

it('A09 cuts off 500 sockets that send a byte now and then, and serves others as ever, slow bodies too', async () => {
  const { hostname, port } = new URL(url);
  /** Opens many connections that each begin with `head`, and adds one byte to each every five seconds. */
  async function drip(head: string) {
    const sockets: Socket[] = [];
    let closed = 0;
    for (let at = 0; at < 500; at++) {
      const socket = connect(Number(port), hostname);
      socket.on('error', () => undefined).on('data', () => undefined);
      socket.once('close', () => closed++);
      sockets.push(socket);
    }
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    for (const socket of sockets) socket.write(head);
    const timer = setInterval(() => {
      for (const socket of sockets) if (socket.writable) socket.write('x');
    }, 5_000);
    return {
      closed: () => closed,
      stop: () => {
        clearInterval(timer);
        for (const socket of sockets) socket.destroy();
      },
    };
  }
  const serves = async (): Promise<void> => {
    for (let at = 0; at < 5; at++) {
      const { status, ms } = await call('GET', `/v1/tracks/${ISRC}`);
      expect(status).toBe(200);
      expect(ms).toBeLessThan(2_500);
    }
  };
  const startedAt = performance.now();
  const headers = await drip('GET /v1/tracks HTTP/1.1\r\nx');
  const bodies = await drip(
    'POST /v1/tracks HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{',
  );
  try {
    while (headers.closed() < 500) {
      await serves();
      // 10 s, 2 s until that is looked at; a loaded machine adds to it.
      expect(performance.now() - startedAt).toBeLessThan(15_000 + 10_000);
      await sleep(200);
    }
    expect(performance.now() - startedAt).toBeGreaterThan(5_000);
    expect(bodies.closed()).toBe(0); // their time is half a minute
    await serves();
  } finally {
    headers.stop();
    bodies.stop();
  }
});

it('ends at once at the second signal, whatever is in hand', async () => {
  const letGo = spotify.hold();
  try {
    const lost = call('POST', '/v1/tracks', { isrc: 'GBOVL2600000' }).catch(() => 'lost');
    while (spotify.stats.requests.every(({ query }) => query['q']?.includes('GBOVL2600000') !== true))
      await sleep(10);
    running.child.kill('SIGTERM');
    await sleep(500);
    expect(running.child.exitCode).toBeNull();
    running.child.kill('SIGTERM');
    expect((await running.ended).code).toBe(1);
    expect(await lost).toBe('lost');
  } finally {
    letGo();
  }
});
