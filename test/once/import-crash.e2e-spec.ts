import { setTimeout as sleep } from 'node:timers/promises';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { fakeTrack } from '../fakes/spotify/fake-track';
import { startSpotifyFake } from '../fakes/spotify/spotify-fake';
import { spotifyEnvironment } from '../support/app';
import { type BuiltService, buildService, type RunningProcess } from '../support/built-service';
import { openMigrated, rowsOf } from '../support/data-source';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { createTestRedis } from '../support/redis';
import { until } from '../support/until';

/* Real processes that are killed, stopped and started anew, and several on one database. */

jest.setTimeout(240_000);

const TOKEN = 'hunter2-hunter2-hunter2-hunter2-hunter2';
const READY = /ready at (http:[^\s"]+)/;
const ROWS = 10_000;
/** Enough to be met at work by what happens in the middle. */
const FEWER = 3_000;
const KILLS = 10;
const SAMPLES = readFileSync(join(__dirname, '../fakes/spotify/fixtures/isrcs.csv'), 'utf8')
  .split('\n')
  .slice(1)
  .map((line) => line.split(',')[0] ?? '')
  .filter((code) => code !== '');

let service: BuiltService;
let database: TestDatabase;
beforeAll(() => {
  service = buildService();
});
afterAll(() => service.remove());
beforeEach(async () => {
  database = await createTestDatabase();
});
afterEach(() => database.drop());

interface Seen {
  readonly id: string;
  readonly status: string;
  readonly total: number;
  readonly processed: number;
  readonly counts: Readonly<Record<string, number>>;
}

const start = (environment: Record<string, string> = {}) =>
  service.start({
    DATABASE_URL: database.url,
    AUTH_BOOTSTRAP_TOKEN: TOKEN,
    LOG_LEVEL: 'info',
    ...environment,
  });
const urlOf = async (running: RunningProcess) => (await running.says(READY))[1] ?? '';
const call = (
  url: string,
  path: string,
  init: { method?: string; body?: string; headers?: Record<string, string> } = {},
) => fetch(url + path, { ...init, headers: { authorization: `Bearer ${TOKEN}`, ...init.headers } });

async function begin(
  url: string,
  isrcs: readonly string[],
  headers: Record<string, string> = {},
): Promise<Seen> {
  const answer = await call(url, '/v1/imports', {
    method: 'POST',
    body: isrcs.join('\n'),
    headers: { 'content-type': 'text/plain', ...headers },
  });
  expect(answer.status).toBe(202);
  return (await answer.json()) as Seen;
}

async function see(url: string, id: string): Promise<Seen> {
  let answer = await call(url, `/v1/imports/${id}`);
  // A database server may still be busy with the connections of the process that was killed.
  for (let tries = 0; answer.status === 503 && tries < 20; tries += 1) {
    await sleep(250);
    answer = await call(url, `/v1/imports/${id}`);
  }
  const text = await answer.text();
  expect([answer.status, text]).toEqual([200, expect.any(String)]);
  const seen = JSON.parse(text) as Seen;
  const sum = Object.values(seen.counts).reduce((all, each) => all + each, 0);
  expect([sum, seen.processed]).toEqual([seen.total, seen.total - (seen.counts['pending'] ?? 0)]);
  return seen;
}

async function seeWhen(
  url: string,
  id: string,
  is: (seen: Seen) => boolean,
  withinMs: number,
): Promise<Seen> {
  const untilMs = Date.now() + withinMs;
  for (;;) {
    const seen = await see(url, id);
    if (is(seen)) return seen;
    if (Date.now() > untilMs) throw new Error(`waited for nothing: ${JSON.stringify(seen)}`);
    await sleep(30);
  }
}

const isOver = ({ status }: Seen) => status === 'completed';

/** Codes that the sample catalogue has, spread among more that it has not. */
function manyCodes(count = ROWS): string[] {
  const every = Math.floor(count / SAMPLES.length);
  return Array.from({ length: count }, (_, at) =>
    at % every === 0 && at / every < SAMPLES.length
      ? (SAMPLES[at / every] ?? '')
      : `QZCRS26${String(at).padStart(5, '0')}`,
  );
}

it('J01 goes on where it was after each of ten times kill -9, loses nothing and does nothing twice', async () => {
  let running = start();
  let url = await urlOf(running);
  const { id } = await begin(url, manyCodes());
  let processed = 0;
  for (let kill = 1; kill <= KILLS; kill += 1) {
    const goal = (ROWS * kill) / (KILLS + 1);
    const seen = await seeWhen(
      url,
      id,
      (each) => each.processed >= Math.max(goal, processed + 1) || isOver(each),
      60_000,
    );
    expect(seen.processed).toBeGreaterThanOrEqual(processed);
    processed = seen.processed;
    running.child.kill('SIGKILL');
    await running.ended;
    running = start();
    url = await urlOf(running);
    expect((await see(url, id)).processed).toBeGreaterThanOrEqual(processed);
  }
  const end = await seeWhen(url, id, isOver, 90_000);
  expect(end.counts).toMatchObject({
    created: SAMPLES.length,
    existing: 0,
    notFound: ROWS - SAMPLES.length,
    failed: 0,
    duplicate: 0,
  });
  const stored = (await (await call(url, '/v1/exports/tracks?format=ndjson')).text()).trim().split('\n');
  expect(stored).toHaveLength(SAMPLES.length);
  const rows = (await (await call(url, `/v1/imports/${id}/rows.csv`)).text()).trim().split('\n');
  expect(rows).toHaveLength(ROWS + 1);
  running.child.kill('SIGTERM');
  expect((await running.ended).code).toBe(0);
});

it('J02 has an import exactly where its sender was told so, or is told when the call is sent again', async () => {
  const isrcs = manyCodes(FEWER);
  let running = start();
  let url = await urlOf(running);
  for (const afterMs of [5, 30, 80]) {
    const headers = { 'idempotency-key': `j02-${afterMs}` };
    const sent = begin(url, isrcs, headers).then(
      (seen) => seen.id,
      () => null,
    );
    await sleep(afterMs);
    running.child.kill('SIGKILL');
    await running.ended;
    const told = await sent;
    running = start();
    url = await urlOf(running);
    const list = async () => ((await (await call(url, '/v1/imports')).json()) as { items: Seen[] }).items;
    const there = await list();
    if (told !== null) expect(there.map(({ id }) => id)).toContain(told);
    for (const { total } of there) expect(total).toBe(isrcs.length); // whole, or not at all
    // What was accepted and never told is replayed by the key; else the run that died holds it until its lease ends.
    const again = await call(url, '/v1/imports', {
      method: 'POST',
      body: isrcs.join('\n'),
      headers: { 'content-type': 'text/plain', ...headers },
    });
    expect([202, 409]).toContain(again.status);
    const seen = (await again.json()) as Seen;
    if (again.status === 202) expect((await list()).map(({ id }) => id)).toContain(seen.id);
  }
  running.child.kill('SIGTERM');
  await running.ended;
});

it('J07 hands back on SIGTERM what it was asking for: no row is claimed any more, no attempt is spent, and the next worker does the rest', async () => {
  const isrcs = Array.from({ length: 300 }, (_, at) => `QZJ072600${String(at).padStart(3, '0')}`);
  const spotify = await startSpotifyFake({ catalogue: isrcs.map((isrc) => fakeTrack({ isrc })) });
  const ledger = await openMigrated(database.url);
  const rows = () =>
    rowsOf<{ status: string; attempts: number; fence: number | string; free_at_ms: number | string }>(
      ledger,
      'SELECT status, attempts, fence, free_at_ms FROM import_row',
    );
  try {
    const first = start(spotifyEnvironment(spotify));
    const url = await urlOf(first);
    const { id } = await begin(url, isrcs);
    await seeWhen(url, id, ({ processed }) => processed > 0, 60_000);
    const release = spotify.hold();
    const asked = spotify.stats.requests.length;
    await until('calls of Spotify that wait', () => spotify.stats.requests.length > asked);
    first.child.kill('SIGTERM');
    expect((await first.ended).code).toBe(0);
    const left = (await rows()).filter(({ status }) => status === 'pending');
    expect(left.length).toBeGreaterThan(0);
    const held = left.filter(
      (row) => row.attempts > 0 || Number(row.fence) > 0 || Number(row.free_at_ms) > Date.now(),
    );
    expect(held).toEqual([]);
    release();

    const second = start(spotifyEnvironment(spotify));
    const other = await urlOf(second);
    const end = await seeWhen(other, id, isOver, 60_000);
    expect(end.counts).toMatchObject({ created: isrcs.length, failed: 0 });
    expect((await rows()).filter(({ attempts }) => attempts !== 1)).toEqual([]);
    second.child.kill('SIGTERM');
    expect((await second.ended).code).toBe(0);
  } finally {
    await ledger.destroy();
    await spotify.stop();
  }
});

// Only on SQLite can it be seen from outside that a process holds no lock: one that stands still with locks holds up everybody.
if (DATABASE_ENGINE === 'sqlite') {
  it('J05 refuses what a process records that stood still for longer than its lease: another has done it', async () => {
    const stalled = start();
    const { id } = await begin(await urlOf(stalled), manyCodes(FEWER));
    await seeWhen(await urlOf(stalled), id, ({ processed }) => processed > 100, 60_000);
    const file = new Sqlite(database.url.replace('sqlite:', ''), { timeout: 10_000 });
    file.exec('BEGIN IMMEDIATE');
    stalled.child.kill('SIGSTOP');
    file.exec('ROLLBACK');
    file.close();
    const other = start();
    const url = await urlOf(other);
    expect((await see(url, id)).status).toBe('running');
    const end = await seeWhen(url, id, isOver, 90_000);
    stalled.child.kill('SIGCONT');
    const awake = await urlOf(stalled);
    await sleep(1_500); // it goes on where it was, and is told that the rows are not its own
    expect(await see(awake, id)).toEqual(end);
    expect(end.counts).toMatchObject({ created: SAMPLES.length, existing: 0, failed: 0, duplicate: 0 });
    for (const { child } of [stalled, other]) child.kill('SIGTERM');
    expect([(await stalled.ended).code, (await other.ended).code]).toEqual([0, 0]);
  });
}

it('A12 makes one import of fifty calls with one key, over two processes that then share its work', async () => {
  const both = [start(), start()];
  const urls = await Promise.all(both.map(urlOf));
  const isrcs = manyCodes().slice(0, 2000);
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, at) =>
      call(urls[at % 2] ?? '', '/v1/imports', {
        method: 'POST',
        body: isrcs.join('\n'),
        headers: { 'content-type': 'text/plain', 'idempotency-key': 'one' },
      }),
    ),
  );
  const statuses = answers.map(({ status }) => status);
  // One is being received, or more uploads than a process takes at once.
  const odd = statuses.filter((status) => ![202, 409, 429].includes(status));
  expect([
    odd,
    ...both.map(({ stdout }) => stdout.split('\n').filter((line) => line.includes('"error"'))),
  ]).toEqual([[], [], []]);
  for (const answer of answers.filter(({ status }) => status !== 202))
    expect(answer.headers.get('retry-after')).toMatch(/^\d+$/);
  const made = new Set(
    await Promise.all(
      answers
        .filter(({ status }) => status === 202)
        .map(async (answer) => ((await answer.json()) as Seen).id),
    ),
  );
  expect(made.size).toBe(1);
  const [id = ''] = made;
  const end = await seeWhen(urls[1] ?? '', id, isOver, 60_000);
  expect(end.counts['created']).toBe(isrcs.filter((isrc) => SAMPLES.includes(isrc)).length);
  for (const { child } of both) child.kill('SIGTERM');
  expect(await Promise.all(both.map(async ({ ended }) => (await ended).code))).toEqual([0, 0]);
});

it('loses nothing where two processes share a Redis that is emptied midway', async () => {
  const redis = await createTestRedis();
  try {
    const both = [start({ REDIS_URL: redis.url }), start({ REDIS_URL: redis.url })];
    const urls = await Promise.all(both.map(urlOf));
    const { id } = await begin(urls[0] ?? '', manyCodes(FEWER));
    await seeWhen(urls[1] ?? '', id, ({ processed }) => processed > 500, 60_000);
    const names = await redis.client.keys('*deadwax-imports*');
    expect(names.length).toBeGreaterThan(0);
    await redis.client.flushdb();
    const end = await seeWhen(urls[1] ?? '', id, isOver, 90_000);
    expect(end.counts).toMatchObject({ created: SAMPLES.length, failed: 0, duplicate: 0 });
    for (const { child } of both) child.kill('SIGTERM');
    expect(await Promise.all(both.map(async ({ ended }) => (await ended).code))).toEqual([0, 0]);
  } finally {
    await redis.drop();
  }
});

describe('the command line', () => {
  it('imports, reports, exports and looks up', async () => {
    const cwd = service.folder();
    writeFileSync(join(cwd, 'list.csv'), `isrc\n${SAMPLES[0]}\nnonsense\n`);
    const run = async (...args: string[]) => {
      const running = service.start({ DATABASE_URL: database.url }, { args, cwd });
      const { code } = await running.ended;
      return { code, out: running.stdout, err: running.stderr };
    };
    const imported = await run('import', 'list.csv', '--report', 'report.csv', '--json');
    expect([imported.code, imported.err]).toEqual([1, '']);
    expect(JSON.parse(imported.out)).toMatchObject({
      status: 'completed',
      counts: { created: 1, invalid: 1 },
    });
    expect(readFileSync(join(cwd, 'report.csv'), 'utf8').split('\n').slice(0, 2)).toEqual([
      'line,input,isrc,status,problem',
      `2,${SAMPLES[0]},${SAMPLES[0]},created,`,
    ]);
    const [exported, found, missing, unreadable] = await Promise.all([
      run('export', '--format', 'ndjson'),
      run('lookup', SAMPLES[0] ?? '', '--json'),
      run('lookup', 'QZZZZ9900001'),
      run('import', 'nothing.csv'),
    ]);
    expect((JSON.parse(exported.out) as { isrc: string }).isrc).toBe(SAMPLES[0]);
    expect([found.code, JSON.parse(found.out)]).toMatchObject([0, { results: [{ status: 'found' }] }]);
    expect([missing.code, unreadable.code]).toEqual([1, 1]);
    expect(unreadable.err).toMatch(/nothing\.csv cannot be read/);
  });

  it('cancels on Ctrl-C, here and on a server, whose token it takes from the environment', async () => {
    const cwd = service.folder();
    writeFileSync(join(cwd, 'many.txt'), manyCodes().join('\n'));
    const server = start();
    const url = await urlOf(server);
    const cancelled = async () =>
      ((await (await call(url, '/v1/imports')).json()) as { items: Seen[] }).items[0];
    const running = service.start(
      { DEADWAX_TOKEN: TOKEN },
      { args: ['import', 'many.txt', '--server', url], cwd },
    );
    while ((await cancelled()) === undefined) await sleep(20);
    await sleep(200);
    running.child.kill('SIGINT');
    expect([(await running.ended).code, running.stderr]).toEqual([130, '']);
    expect(running.stdout).toMatch(/is cancelled: 10000 rows/);
    expect((await cancelled())?.status).toBe('cancelled');
    const refused = service.start(
      { DEADWAX_TOKEN: 'wrong' },
      { args: ['import', 'many.txt', '--server', url], cwd },
    );
    expect((await refused.ended).code).toBe(1);
    expect(refused.stderr).toMatch(/Authentication required/);
    server.child.kill('SIGTERM');
    await server.ended;
  });
});
