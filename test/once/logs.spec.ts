import Database from 'better-sqlite3';
import { request } from 'node:http';
import { join } from 'node:path';
import { type BuiltService, buildService } from '../support/built-service';

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

  const greeting = /^Deadwax is ready[^]*?\n\n[^]*?\n\n/m;
  const lines = running.stdout
    .replace(greeting, '')
    .split('\n')
    .filter((line) => line !== '');
  expect(lines.length).toBeGreaterThan(25);
  for (const line of lines) {
    const event = JSON.parse(line) as Record<string, unknown>;
    expect([typeof event['level'], typeof event['time'], typeof event['msg']]).toEqual([
      'string',
      'string',
      'string',
    ]);
    expect(line.length).toBeLessThan(20_000);

    expect(line).not.toMatch(/[\u0000-\u001f\u007f]/);
  }
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
