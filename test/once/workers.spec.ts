import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import catalogue from '../../src/sample/catalogue.json';
import { type BuiltService, buildService, type RunningProcess } from '../support/built-service';

jest.setTimeout(120_000);

const READY = /Deadwax is ready at (http:\S+)/g;
const TOKEN = /dwx_[0-9A-Za-z]{38}/g;
const PATIENCE_MS = 60_000;

let service: BuiltService;
beforeAll(() => {
  service = buildService();
});
afterAll(() => service.remove());

/** Process ids of the workers. */
function workersOf({ child }: RunningProcess): number[] {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'ppid=,pid='], { encoding: 'utf8' });
  const pairs = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  return pairs.flatMap(([parent, pid]) => (parent === child.pid && pid !== undefined ? [pid] : []));
}

async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await isSo())) {
    if (Date.now() > deadline) throw new Error(`waited in vain: ${what}`);
    await sleep(50);
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** A connection of its own for each call, so that all workers get some. */
const call = (url: string, token: string, isrc?: string): Promise<Response> =>
  fetch(url + (isrc === undefined ? '/v1/me' : '/v1/tracks'), {
    method: isrc === undefined ? 'GET' : 'POST',
    headers: {
      authorization: `Bearer ${token}`,
      connection: 'close',
      ...(isrc === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(isrc === undefined ? {} : { body: JSON.stringify({ isrc }) }),
  });

async function start(environment: Record<string, string>) {
  const running = service.start(environment);
  await until(
    () => running.stdout.includes('Deadwax is ready') || running.child.exitCode !== null,
    running.stderr,
  );
  const urls = [...running.stdout.matchAll(READY)].map(([, url = '']) => url);
  const tokens = running.stdout.match(TOKEN) ?? [];
  return { running, urls, tokens: [...new Set(tokens)], url: urls[0] ?? '', token: tokens[0] ?? '' };
}

describe('four workers on one SQLite file', () => {
  let four: Awaited<ReturnType<typeof start>>;
  const LIMIT = 300;
  beforeAll(async () => {
    four = await start({ WEB_CONCURRENCY: '4', CLIENT_REQUESTS_PER_MINUTE: String(LIMIT) });
  });

  it('say once that they are ready, with one first token', () => {
    expect([four.urls.length, four.tokens.length, four.running.stderr]).toEqual([1, 1, '']);
    expect(workersOf(four.running)).toHaveLength(4);
  });

  it('D10 take 20 writers at once, and none hears of a busy file', async () => {
    const isrcs = [...new Set(catalogue.tracks.map(({ isrc }) => isrc))].slice(0, 100);
    const statuses = await Promise.all(
      Array.from({ length: 20 }, async (_, writer) => {
        const own: number[] = [];
        for (const isrc of isrcs.filter((_each, at) => at % 20 === writer)) {
          own.push((await call(four.url, four.token, isrc)).status);
        }
        return own;
      }),
    );
    expect(statuses.flat()).toEqual(Array.from({ length: 100 }, () => 201));
  });

  it('share the limits of a client', async () => {
    const statuses = await Promise.all(
      Array.from({ length: LIMIT }, async () => (await call(four.url, four.token)).status),
    );
    // 100 of them are spent by the test before; what is left in portions of idle workers is three units each at most.
    const granted = statuses.filter((status) => status === 200).length;
    expect(new Set(statuses)).toEqual(new Set([200, 429]));
    expect(granted).toBeLessThanOrEqual(LIMIT - 100);
    expect(granted).toBeGreaterThanOrEqual(LIMIT - 100 - 4 * 3);
  });

  it('go on when one is killed, and get another in its place', async () => {
    const before = workersOf(four.running);
    const [victim = 0] = before;
    process.kill(victim, 'SIGKILL');
    const live = (): Promise<boolean> =>
      fetch(`${four.url}/health/live`, {
        headers: { connection: 'close' },
        signal: AbortSignal.timeout(5_000),
      }).then(
        ({ status }) => status === 200,
        () => false,
      );
    // What was on its way to it is lost; the others serve at once, and the service as ever when they know.
    await until(live, 'a call that is answered');
    await until(() => four.running.stdout.includes('a worker ended; another takes its place'), 'the log');
    for (let count = 0; count < 20; count++) expect(await live()).toBe(true);
    await until(() => workersOf(four.running).length === 4, 'another worker');
    expect(workersOf(four.running)).not.toContain(victim);
    // It is not announced again.
    expect([...four.running.stdout.matchAll(READY)]).toHaveLength(1);
  });

  it('all stop on SIGTERM, with exit code 0', async () => {
    const workers = workersOf(four.running);
    four.running.child.kill('SIGTERM');
    const { code } = await four.running.ended;
    expect([code, four.running.stderr]).toEqual([0, '']);
    expect(workers.filter(isAlive)).toEqual([]);
  });
});

it('tells the figures of all workers whichever is scraped, and no count falls when one ends', async () => {
  const two = await start({ WEB_CONCURRENCY: '2' });
  const scrape = async () => {
    const answer = await fetch(`${two.url}/metrics`, {
      headers: { authorization: `Bearer ${two.token}`, connection: 'close' },
    });
    expect(answer.status).toBe(200);
    const text = await answer.text();
    const figure = (name: string) =>
      text
        .split('\n')
        .filter((line) => line.startsWith(name))
        .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
    const probes =
      'deadwax_http_request_duration_seconds_count{method="GET",route="/health/startup",status="200"}';
    return {
      probes: figure(probes),
      info: figure('deadwax_build_info'),
      connections: figure('deadwax_database_connections{'),
      ready: figure('deadwax_database_ready'),
      restarts: figure('deadwax_worker_restarts_total'),
      startedAt: figure('process_start_time_seconds'),
    };
  };
  const visit = async (times: number) => {
    for (let count = 0; count < times; count++)
      await fetch(`${two.url}/health/startup`, { headers: { connection: 'close' } });
  };
  await visit(40);
  const { startedAt, ...first } = await scrape();
  expect(first).toEqual({ probes: 40, info: 1, connections: 2, ready: 1, restarts: 0 });
  expect(startedAt).toBeGreaterThan(1_700_000_000);
  const [victim = 0] = workersOf(two.running);
  process.kill(victim, 'SIGKILL');
  await until(() => !isAlive(victim) && workersOf(two.running).length === 2, 'another worker');
  await visit(5);
  expect(await scrape()).toMatchObject({ probes: 45, info: 1, restarts: 1, startedAt });
  two.running.child.kill('SIGTERM');
  expect((await two.running.ended).code).toBe(0);
});

it('is not outlived by its workers, however it ends', async () => {
  const { running } = await start({ WEB_CONCURRENCY: '2' });
  const workers = workersOf(running);
  expect(workers).toHaveLength(2);
  running.child.kill('SIGKILL');
  await running.ended;
  await until(() => !workers.some(isAlive), 'the end of the workers');
});

it('ends at once at the second signal, with its workers, whatever they have in hand', async () => {
  const { running, url } = await start({ WEB_CONCURRENCY: '2' });
  const workers = workersOf(running);
  const { hostname, port } = new URL(url);
  // A call whose body does not come to its end: a stop waits for it.
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(
    'POST /v1/tracks HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 90\r\n\r\n{',
  );
  await sleep(500); // until a worker has read it
  running.child.kill('SIGTERM');
  await sleep(1_000);
  expect(running.child.exitCode).toBeNull();
  running.child.kill('SIGTERM');
  expect((await running.ended).code).toBe(1);
  await until(() => !workers.some(isAlive), 'the end of the workers');
  socket.destroy();
});

it('tells a fault of the start once, and ends', async () => {
  const holder = createServer().listen(0, '127.0.0.1');
  await once(holder, 'listening');
  const { port } = holder.address() as { port: number };
  try {
    const running = service.start({ WEB_CONCURRENCY: '3', PORT: String(port) });
    expect((await running.ended).code).toBe(1);
    expect(running.stderr.match(/EADDRINUSE/g)).toHaveLength(1);
    expect(running.stderr).not.toMatch(/^\s+at /m);
  } finally {
    holder.close();
  }
});
