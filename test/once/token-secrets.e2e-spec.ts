import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BuiltService, buildService, type RunningProcess } from '../support/built-service';
import { openDataSource, rowsOf } from '../support/data-source';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { assertNoSecret, dumpDatabase } from '../support/secrets';
import { spotifyEnvironment } from '../support/app';
import { type SpotifyFake, startSpotifyFake } from '../fakes/spotify/spotify-fake';

const FIRST = `first-admin-token-${randomBytes(8).toString('hex')}`;

let database: TestDatabase;
let spotify: SpotifyFake;
let built: BuiltService;
let server: RunningProcess;
let url: string;
/** Whatever must not be found anywhere, by its name. */
const secrets: Record<string, string> = {};

beforeAll(async () => {
  [database, spotify] = [await createTestDatabase(), await startSpotifyFake()];
  built = buildService();
  secrets['the first token'] = FIRST;
  secrets['the Spotify secret'] = spotify.clientSecret;
  server = built.start({
    ...spotifyEnvironment(spotify),
    DATABASE_URL: database.url,
    AUTH_BOOTSTRAP_TOKEN: FIRST,
    LOG_LEVEL: 'trace',
  });
  url = (await server.says(/Deadwax is ready at (\S+)/))[1] ?? '';
});
afterAll(async () => {
  await built.remove();
  await spotify.stop();
  await database.drop();
});

async function call(
  method: string,
  path: string,
  token: string,
  headers: Record<string, string> = {},
  json?: object,
) {
  const response = await fetch(url + path, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    text,
    body: (text === '' ? {} : JSON.parse(text)) as Record<string, string>,
  };
}

const deadwax = async (...args: string[]) => {
  const run = built.start({ DATABASE_URL: database.url }, { args });
  const { code } = await run.ended;
  return { code, out: run.stdout };
};

it('S13 neither database nor log holds a token or a secret, whatever was done with them', async () => {
  const made = await call(
    'POST',
    '/v1/tokens',
    FIRST,
    { 'idempotency-key': 'k' },
    { name: 'ours', role: 'admin' },
  );
  const { id = '', token = '' } = made.body;
  secrets['a token made over HTTP'] = token;
  expect(
    (await call('POST', '/v1/tokens', FIRST, { 'idempotency-key': 'k' }, { name: 'ours', role: 'admin' }))
      .text,
  ).toBe(made.text);
  const rotated = await call('POST', `/v1/tokens/${id}/rotate`, token, {}, { overlapSeconds: 600 });
  secrets['its next text'] = rotated.body['token'] ?? '';
  const fromShell = await deadwax('token', 'create', '--name', 'shell', '--role', 'reader', '--json');
  const shell = JSON.parse(fromShell.out) as { id: string; token: string };
  secrets['a token made on the command line'] = shell.token;

  // In every place where it does not belong.
  for (const secret of [token, FIRST, shell.token]) {
    await call('GET', `/v1/tokens/${secret}`, token);
    await call('GET', `/v1/tracks?artist=${secret}`, token);
    await call('GET', `/v1/me?access_token=${secret}`, token);
    await call('GET', `/${secret}`, token);
    await call('GET', '/v1/me', token, {
      'user-agent': secret,
      'x-request-id': secret,
      referer: `http://x/${secret}`,
      cookie: `t=${secret}`,
    });
    await call('GET', '/v1/me', `${secret}x`, { 'user-agent': secret, 'x-request-id': secret });
    await call('POST', '/v1/tracks', token, {}, { isrc: secret });
    await call('POST', '/v1/tracks', token, {}, { isrc: 'USWB10102873', [secret]: 1 });
    await call('POST', '/v1/tokens', token, { 'idempotency-key': `${secret} ` }, { name: 'x', role: secret });
    await call('POST', '/v1/tokens', token, { 'idempotency-key': secret }, { name: 'x', role: 'reader' });
    await call('DELETE', `/v1/tokens/${secret}`, token);
  }
  expect((await call('POST', '/v1/tracks', token, {}, { isrc: 'QZDWX2600001' })).status).toBeLessThan(500);
  expect((await call('GET', '/v1/me', shell.token)).status).toBe(200);

  // The command line is a process of its own: the server learns of it as another replica does.
  expect((await deadwax('token', 'revoke', shell.id)).code).toBe(0);
  for (
    const deadline = performance.now() + 10_000;
    (await call('GET', '/v1/me', shell.token)).status === 200;
  ) {
    if (performance.now() > deadline) throw new Error('still accepted');
    await sleep(20);
  }

  server.child.kill('SIGTERM');
  expect((await server.ended).code).toBe(0);
  const dump = await dumpDatabase(database);
  assertNoSecret(
    { 'the database': dump, 'the log': server.stdout, 'the other output': `-${server.stderr}` },
    secrets,
  );
  // It looked at what was done.
  expect(dump).toContain('shell');
  expect(server.stdout).toContain('"audit":"token.rotated"');
  expect(server.stdout).toMatch(/"audit":"access\.denied".*"error":"invalid_token"/);
  expect(server.stdout).toContain('[redacted]');

  const dataSource = await openDataSource(database.url);
  const events = await rowsOf<{ event: string; actor: string }>(
    dataSource,
    'SELECT event, actor FROM audit_event',
  );
  await dataSource.destroy();
  const told = events.map(({ event, actor }) => `${event} by ${actor.split(':')[0]}`);
  expect([...new Set(told)].sort()).toEqual([
    'token.created by api-token',
    'token.created by cli',
    'token.created by system',
    'token.revoked by cli',
    'token.rotated by api-token',
  ]);
});
