import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fakeTrack } from '../fakes/spotify/fake-track';
import { type SpotifyFake, startSpotifyFake } from '../fakes/spotify/spotify-fake';
import { type BuiltService, buildService, type RunningProcess } from '../support/built-service';
import { until } from '../support/until';

/* How the process ends, seen from outside. */

jest.setTimeout(120_000);

const TOKEN = 'operator-of-the-shutdown-tests-0123456789';
const ISRC = 'USWB10102873';
const READY = /ready at (http:[^\s"]+)/;
/** What is promised (api.md section 6), and what a loaded machine may add. */
const END_MS = 25_000 + 5_000;

interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
}

let service: BuiltService;
let spotify: SpotifyFake;
beforeAll(async () => {
  service = buildService();
  spotify = await startSpotifyFake({ catalogue: [fakeTrack({ isrc: ISRC })] });
});
afterAll(async () => {
  await service.remove();
  await spotify.stop();
});
afterEach(() => {
  spotify.stats.requests.length = 0;
});

async function start(environment: Record<string, string> = {}): Promise<RunningProcess & { url: string }> {
  const running = service.start({
    AUTH_BOOTSTRAP_TOKEN: TOKEN,
    SPOTIFY_CLIENT_ID: spotify.clientId,
    SPOTIFY_CLIENT_SECRET: spotify.clientSecret,
    SPOTIFY_API_URL: spotify.apiUrl,
    SPOTIFY_ACCOUNTS_URL: spotify.accountsUrl,
    SPOTIFY_REQUESTS_PER_30S: '0',
    SPOTIFY_REQUESTS_PER_DAY: '0',
    ...environment,
  });
  const [, url = ''] = await running.says(READY);
  return Object.assign(running, { url });
}

function call(
  url: string,
  { method = 'GET', agent, body }: { method?: string; agent: Agent; body?: string },
) {
  return new Promise<Reply>((resolve, reject) => {
    const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };
    request(url, { method, agent, headers }, (response) => {
      response.resume().once('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers });
      });
    })
      .once('error', reject)
      .end(body);
  });
}

async function open(url: string, text: string): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  if (text !== '') socket.write(text);
  return socket;
}

/** Process ids of the workers. */
function workersOf({ child }: RunningProcess): number[] {
  const { stdout } = spawnSync('ps', ['--ppid', String(child.pid), '-o', 'pid='], { encoding: 'utf8' });
  return stdout.trim().split(/\s+/).map(Number);
}

const isSearched = (): boolean => spotify.stats.requests.some(({ path }) => path === '/v1/search');

describe.each([1, 2])('O03 SIGTERM to %d worker(s) with slow calls in hand', (workers) => {
  const CALLS = 200;
  it('answers all of them, closes every connection, and ends with code 0', async () => {
    const running = await start({ WEB_CONCURRENCY: String(workers), SHUTDOWN_DELAY_MS: '1500' });
    const { url } = running;
    const kept = new Agent({ keepAlive: true });
    const fresh = new Agent({ keepAlive: false });
    const isReady = async (): Promise<number> => (await call(`${url}/health/ready`, { agent: fresh })).status;
    expect(await isReady()).toBe(200);
    // Kept alive and idle, and never used at all: neither may hold the process up.
    const idle = await Promise.all(
      Array.from({ length: 10 }, () => open(url, 'GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n')),
    );
    await Promise.all(idle.map((socket) => once(socket, 'data')));
    const unused = await Promise.all(Array.from({ length: 10 }, () => open(url, '')));
    const ends = [...idle, ...unused].map((socket) => once(socket.resume(), 'close'));

    const release = spotify.hold();
    const body = JSON.stringify({ isrc: ISRC });
    let answered = 0;
    const calls = Array.from({ length: CALLS }, async () => {
      const reply = await call(`${url}/v1/tracks`, { method: 'POST', agent: kept, body });
      answered++;
      return reply;
    });
    await until('a call that waits for the source', isSearched);
    await sleep(1_000); // until all are in hand
    const toldMs = performance.now();
    running.child.kill('SIGTERM');

    await until('not ready', async () => (await isReady()) === 503, 1_000);
    // Those who have not heard of it yet are served as ever, and told to come back on another connection.
    const late = await call(`${url}/v1/me`, { agent: kept });
    expect([late.status, late.headers.connection]).toEqual([200, 'close']);
    expect((await call(`${url}/health/live`, { agent: fresh })).status).toBe(200);
    expect(answered).toBe(0);
    await sleep(Math.max(0, 2_500 - (performance.now() - toldMs))); // the server is closing by now
    await expect(call(`${url}/v1/me`, { agent: fresh })).rejects.toThrow(/ECONNREFUSED|ECONNRESET/);
    release();

    const replies = await Promise.all(calls);
    expect(new Set(replies.map(({ headers }) => headers.connection))).toEqual(new Set(['close']));
    expect(replies.filter(({ status }) => status !== 200 && status !== 201)).toEqual([]);
    await Promise.all(ends);
    const { code } = await running.ended;
    expect([code, running.stderr]).toEqual([0, '']);
    expect(performance.now() - toldMs).toBeLessThan(END_MS);
    kept.destroy();
  });
});

it('ends with code 0 in time whatever hangs: a body that does not come, an answer that nobody reads, a worker that is stuck', async () => {
  const [alone, above] = await Promise.all([start(), start({ WEB_CONCURRENCY: '2' })]);
  const headers = `Host: a\r\nAuthorization: Bearer ${TOKEN}\r\n`;
  const half = `POST /v1/tracks HTTP/1.1\r\n${headers}Content-Type: application/json\r\nContent-Length: 90\r\n\r\n{`;
  const unread = `GET /openapi.json HTTP/1.1\r\n${headers}\r\n`.repeat(200);
  const sockets = await Promise.all(
    [alone, above].flatMap(({ url }) => [open(url, half), open(url, unread)]),
  );
  await sleep(500);
  const [stuck = 0] = workersOf(above);
  process.kill(stuck, 'SIGSTOP');
  const startedMs = performance.now();
  for (const { child } of [alone, above]) child.kill('SIGTERM');
  const ends = await Promise.all([alone.ended, above.ended]);
  expect(ends.map(({ code }) => code)).toEqual([0, 0]);
  expect(performance.now() - startedMs).toBeLessThan(END_MS);
  for (const socket of sockets) socket.destroy();
});

it('does not make a person at a terminal wait, and goes at once at the second signal', async () => {
  const [patient, impatient] = await Promise.all([
    start({ SHUTDOWN_DELAY_MS: '15000' }),
    start({ SHUTDOWN_DELAY_MS: '15000' }),
  ]);
  const startedMs = performance.now();
  patient.child.kill('SIGINT');
  impatient.child.kill('SIGTERM');
  expect((await patient.ended).code).toBe(0);
  expect(impatient.child.exitCode).toBeNull();
  impatient.child.kill('SIGTERM');
  expect((await impatient.ended).code).toBe(1);
  expect(performance.now() - startedMs).toBeLessThan(10_000);
});
