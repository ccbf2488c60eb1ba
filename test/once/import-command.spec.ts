import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fakeTrack } from '../fakes/spotify/fake-track';
import { startSpotifyFake } from '../fakes/spotify/spotify-fake';
import { spotifyEnvironment } from '../support/app';
import { type BuiltService, buildService, type RunningProcess } from '../support/built-service';
import { SAMPLES } from '../support/imports';

/* `deadwax import` and `deadwax export` as they are typed, on a database and against a server. */

jest.setTimeout(90_000);

const READY = /ready at (http:[^\s"]+)/;
const TOKEN = 'hunter2-hunter2-hunter2-hunter2-hunter2';

let service: BuiltService;
beforeAll(() => {
  service = buildService();
});
afterAll(() => service.remove());

const serve = (cwd: string, environment: Record<string, string> = {}) =>
  service.start({ AUTH_BOOTSTRAP_TOKEN: TOKEN, ...environment }, { cwd });
const urlOf = async (running: RunningProcess) => (await running.says(READY))[1] ?? '';

async function run(cwd: string, args: string[], environment: Record<string, string> = {}) {
  const running = service.start({ DEADWAX_TOKEN: TOKEN, ...environment }, { args, cwd });
  const { code } = await running.ended;
  return { code, out: running.stdout, err: running.stderr };
}

it('imports a file here or on a server, reports each row, and exports the same from both', async () => {
  const cwd = service.folder();
  const [first = '', second = ''] = SAMPLES;
  writeFileSync(join(cwd, 'codes.csv'), `isrc;title\n${first};=x\nnonsense;y\n${second};z\n${first};x\n`);
  const here = await run(cwd, ['import', 'codes.csv', '--report', 'report.csv']);
  expect([here.code, here.err]).toEqual([1, '']);
  expect(here.out).toMatch(
    /^imp_\w+ is completed: 4 rows\.\n {2}created 2, existing 0, .*duplicate 1\n.*invalid 1/,
  );
  const report = readFileSync(join(cwd, 'report.csv'), 'utf8');
  expect(report.split('\n').map((line) => line.split(',')[3])).toEqual([
    'status',
    'created',
    'invalid',
    'created',
    'duplicate',
    undefined,
  ]);

  const server = serve(cwd);
  const url = await urlOf(server);
  const there = await run(cwd, ['import', 'codes.csv', '--server', url, '--json', '--report', 'there.csv']);
  expect([there.code, there.err]).toEqual([1, '']);
  expect(JSON.parse(there.out)).toMatchObject({ status: 'completed', counts: { existing: 2, invalid: 1 } });
  expect(readFileSync(join(cwd, 'there.csv'), 'utf8')).toBe(report.replaceAll('created', 'existing'));

  const [local, remote] = await Promise.all([
    run(cwd, ['export', '--format', 'ndjson']),
    run(cwd, ['export', '--format', 'ndjson', '--server', url]),
  ]);
  expect(local.out.trim().split('\n')).toHaveLength(2);
  expect(remote).toEqual(local);
  const denied = await run(cwd, ['import', 'codes.csv', '--server', url], { DEADWAX_TOKEN: 'wrong' });
  expect([denied.code, denied.out]).toEqual([1, '']);
  expect(denied.err).toMatch(/^error: .* refused: /);
});

it('says before any work which files cannot be read or written', async () => {
  const cwd = service.folder();
  writeFileSync(join(cwd, 'codes.txt'), `${SAMPLES[0]}\n`);
  const told = await Promise.all(
    [
      ['import', '.'],
      ['import', 'codes.txt', '--report', 'none/report.csv'],
      ['import', 'codes.txt', '--report', '.', '--server', 'http://127.0.0.1:1'],
      ['export', '--output', 'none/tracks.csv'],
    ].map(async (args) => {
      const { code, out, err } = await run(cwd, args);
      return [code, out, err.split('\n')[0]];
    }),
  );
  expect(told).toEqual([
    [1, '', 'error: . is a folder'],
    [1, '', 'error: none/report.csv cannot be written (ENOENT)'],
    [1, '', 'error: . cannot be written (EISDIR)'],
    [1, '', 'error: none/tracks.csv cannot be written (ENOENT)'],
  ]);
});

it('cancels cleanly at the first Ctrl-C', async () => {
  const cwd = service.folder();
  const codes = Array.from({ length: 60_000 }, (_, at) => `QZCTC26${String(at).padStart(5, '0')}`);
  writeFileSync(join(cwd, 'codes.txt'), codes.join('\n'));
  const running = service.start({}, { args: ['import', 'codes.txt', '--json'], cwd });
  const wal = join(cwd, 'data', 'deadwax.db-wal');
  const isAtWork = () => {
    try {
      return readFileSync(wal).includes('not-found');
    } catch {
      return false;
    }
  };
  while (!isAtWork()) await sleep(50);
  running.child.kill('SIGINT');
  expect((await running.ended).code).toBe(130);
  const { status, counts } = JSON.parse(running.stdout) as {
    status: string;
    counts: Record<string, number>;
  };
  expect(status).toBe('cancelled');
  expect((counts['notFound'] ?? 0) + (counts['pending'] ?? 0)).toBe(60_000);
  expect(counts['pending']).toBeGreaterThan(0);
});

it('is not done where somebody else cancels the import', async () => {
  const cwd = service.folder();
  const codes = Array.from({ length: 60_000 }, (_, at) => `QZCTC26${String(at).padStart(5, '0')}`);
  writeFileSync(join(cwd, 'codes.txt'), codes.join('\n'));
  const url = await urlOf(serve(cwd));
  const running = service.start(
    { DEADWAX_TOKEN: TOKEN },
    { args: ['import', 'codes.txt', '--server', url, '--json'], cwd },
  );
  const call = async (method: string, path: string) => {
    const answer = await fetch(`${url}/v1/imports${path}`, {
      method,
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    return (await answer.json()) as { items?: { id: string }[]; status?: unknown };
  };
  let id: string | undefined;
  while (id === undefined) {
    await sleep(10);
    id = (await call('GET', '')).items?.[0]?.id;
  }
  expect((await call('POST', `/${id}/cancel`)).status).toBe('cancelled');
  expect((await running.ended).code).toBe(1);
  expect(JSON.parse(running.stdout)).toMatchObject({ status: 'cancelled' });
});

it('waits for a server that is started anew meanwhile', async () => {
  const cwd = service.folder();
  const spotify = await startSpotifyFake();
  try {
    const isrcs = Array.from({ length: 40 }, (_, at) => `GBCLI26${String(at).padStart(5, '0')}`);
    spotify.addTracks(...isrcs.map((isrc) => fakeTrack({ isrc })));
    spotify.setLatency([400, 500]);
    writeFileSync(join(cwd, 'codes.txt'), isrcs.join('\n'));
    const first = serve(cwd, spotifyEnvironment(spotify));
    const url = await urlOf(first);
    const running = service.start(
      { DEADWAX_TOKEN: TOKEN },
      { args: ['import', 'codes.txt', '--server', url, '--json'], cwd },
    );
    while (spotify.stats.requests.length < 8) await sleep(20);
    first.child.kill('SIGTERM');
    await first.ended;
    await sleep(1500);
    spotify.setLatency(null);
    await urlOf(serve(cwd, { ...spotifyEnvironment(spotify), PORT: new URL(url).port }));
    expect((await running.ended).code).toBe(0);
    expect(JSON.parse(running.stdout)).toMatchObject({ status: 'completed', counts: { created: 40 } });
  } finally {
    await spotify.stop();
  }
});
