import Database from 'better-sqlite3';
import { request } from 'node:http';
import { join } from 'node:path';
import { type BuiltService, buildService } from '../support/built-service';
import { LogCheck } from '../support/log-check';

jest.setTimeout(60_000);

const TOKEN = 'bootstrap-text-of-the-log-tests-000000000';
const ISRC = 'USWB10102873';

let service: BuiltService;
beforeAll(() => {
  service = buildService();
});
afterAll(() => service.remove());

/** One call with whatever a raw client may send; the status, or null where the connection was cut. */
function call(
  url: string,
  {
    method = 'GET',
    path = '/',
    headers = {},
    body = '',
  }: Partial<{ method: string; path: string; headers: Record<string, string>; body: string }>,
): Promise<number | null> {
  return new Promise((resolve) => {
    const { hostname, port } = new URL(url);
    const sent = request(
      { hostname, port, method, path, headers: { authorization: `Bearer ${TOKEN}`, ...headers } },
      (answer) => {
        answer.resume().on('end', () => {
          resolve(answer.statusCode ?? null);
        });
      },
    );
    sent.on('error', () => {
      resolve(null);
    });
    sent.end(body);
  });
}

it('writes one line of JSON an event, bounded and without secrets, whatever comes in', async () => {
  const cwd = service.folder();
  const file = join(cwd, 'tracks.db');
  const running = service.start(
    {
      NODE_ENV: 'test',
      AUTH_BOOTSTRAP_TOKEN: TOKEN,
      DATABASE_URL: `sqlite:${file}`,
      LOG_LEVEL: 'trace',
    },
    { cwd },
  );
  const [, url = ''] = await running.says(/ready at (http:[^\s"]+)/);
  const json = { 'content-type': 'application/json' };
  const odd = [
    '%0A%7B%22level%22%3A%22fatal%22%7D',
    '%1B%5B31m',
    '%E2%80%A8',
    '%00',
    `dwx_${'a'.repeat(38)}`,
    'é',
  ];
  const isrcs = JSON.stringify({ isrc: `\n\u001b[31m"}{${'x'.repeat(1_000_000)}` });
  for (const each of odd) {
    await call(url, { path: `/v1/tracks/${encodeURI(decodeURIComponent(each))}` });
    await call(url, { path: `/v1/tracks?artist=${encodeURI(each)}` });
    await call(url, {
      path: `/${each.replace('é', '%C3%A9')}`,
      headers: { 'x-request-id': each.replace('é', 'e'), 'user-agent': each.replace('é', 'e') },
    });
  }
  await call(url, { method: 'POST', path: '/v1/tracks', headers: json, body: isrcs });
  await call(url, { method: 'POST', path: '/v1/tracks', headers: json, body: '{"isrc":' });
  await call(url, {
    method: 'POST',
    path: '/graphql',
    headers: json,
    body: JSON.stringify({ query: `{ track(isrc: "${'y'.repeat(500_000)}") { isrc } }` }),
  });
  await call(url, { path: `/${'z'.repeat(12_000)}` });
  await call(url, {
    headers: {
      authorization: 'Bearer another-secret-text-that-is-no-token',
      cookie: 'session=secret-cookie',
    },
    path: '/v1/me',
  });
  await call(url, { headers: { 'x-long': 'h'.repeat(40_000) } });
  // What nobody foresaw, with its stack.
  const database = new Database(file);
  database.exec('ALTER TABLE recording_miss RENAME TO away');
  expect(
    await call(url, {
      method: 'POST',
      path: '/v1/tracks',
      headers: json,
      body: JSON.stringify({ isrc: ISRC }),
    }),
  ).toBe(500);
  database.exec('ALTER TABLE away RENAME TO recording_miss');
  database.close();
  expect(await call(url, { path: '/v1/me' })).toBe(200);
  running.child.kill('SIGTERM');
  expect((await running.ended).code).toBe(0);

  // Each line is held to the rest by `LogCheck`, as those of every service that a test starts.
  const lines = running.stdout.split('\n').filter((line) => line.startsWith('{'));
  expect(lines.length).toBeGreaterThan(25);
  const calls = lines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ msg }) => msg === 'call');
  expect(calls.find(({ route }) => route === '/v1/me')).toMatchObject({
    method: 'GET',
    status: expect.any(Number) as number,
    durationMs: expect.any(Number) as number,
    requestId: expect.any(String) as string,
  });
  expect(lines.join('\n')).toMatch(/no such table/);
  expect(lines.join('\n')).not.toMatch(/bootstrap-text|another-secret|secret-cookie|dwx_a{20}|[xyh]{10000}/);
  expect(running.stderr).toBe('');
});

it.each([
  ['no JSON', 'Deadwax is here'],
  ['no JSON', '{"level":"info","time":"2026-11-23T05:00:00.000Z","msg":"a"}{"level":"info"}'],
  ['no JSON object', '["level","time","msg"]'],
  ['no level', '{"level":30,"time":"2026-11-23T05:00:00.000Z","msg":"a"}'],
  ['no time', '{"level":"info","time":1795400000000,"msg":"a"}'],
  ['no message', '{"level":"info","time":"2026-11-23T05:00:00.000Z"}'],
  ['a control character', good('\u001b[31m')],
  ['longer', good('a'.repeat(20_000))],
  ['a token', good(`dwx_${'a'.repeat(38)}`)],
  ['a token', good('eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.')],
  ['a token', '{"level":"info","time":"2026-11-23T05:00:00.000Z","msg":"a","headers":{"Authorization":"x"}}'],
  ['a secret', good('its hunter2-hunter2-hunter2')],
  ['a secret', good('mariadb://u:only-on-loopback@host')],
  ['what a caller sent', good('opaque-text-of-a-caller')],
])('the check of every log line finds %s: %s', (fault, line) => {
  const check = new LogCheck();
  check.learnSettings({
    SPOTIFY_CLIENT_SECRET: 'hunter2-hunter2-hunter2',
    DATABASE_URL: 'mariadb://u:only-on-loopback@a/b',
  });
  check.learnCredentials('Bearer opaque-text-of-a-caller');
  check.write(`${good('a')}\n`);
  expect(check.assertGood()).toBe(1);
  check.write(`${line}\n`);
  expect(() => check.assertGood()).toThrow(`1 lines of the log are not as they should be:\n${fault}`);
});

function good(msg: string): string {
  return `{"level":"info","time":"2026-11-23T05:00:00.000Z","msg":"${msg}"}`;
}
