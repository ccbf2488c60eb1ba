import { createServer } from 'node:net';
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fakeTrack } from '../fakes/spotify/fake-track';
import { startSpotifyFake } from '../fakes/spotify/spotify-fake';
import { type BuiltService, buildService, type RunningProcess } from '../support/built-service';

/** One of them starts a dozen processes, one after the other. */
jest.setTimeout(240_000);

const READY = /ready at (http:[^\s"]+)/;
const TOKEN = /dwx_[0-9A-Za-z]{38}/;
const ISRC = 'USWB10102873';
const SECRET = 'hunter2-hunter2-hunter2-hunter2-hunter2';

let service: BuiltService;
/** Loaded by Node alone, as it is in earnest. */
let plain: BuiltService;
beforeAll(() => {
  service = buildService();
  plain = buildService({ isPlain: true });
});
afterAll(() => Promise.all([service.remove(), plain.remove()]));

async function readyUrl(running: RunningProcess): Promise<string> {
  return (await running.says(READY))[1] ?? '';
}

/** Log lines: what was written apart from the greeting, each parsed. */
function logOf({ stdout }: RunningProcess): Record<string, unknown>[] {
  const greeting = stdout.indexOf('Deadwax is ready');
  const after = stdout.indexOf('\n\n', stdout.indexOf('Try it:'));
  const lines = greeting < 0 ? stdout : stdout.slice(0, greeting) + stdout.slice(after);
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

const post = (url: string, token: string) =>
  fetch(`${url}/v1/tracks`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ isrc: ISRC }),
  });

describe('the server', () => {
  it('starts with no settings at all, shows a token once, and logs lines of JSON without it', async () => {
    const cwd = plain.folder();
    const first = plain.start({}, { cwd });
    const url = await readyUrl(first);
    const token = (await first.says(TOKEN))[0];
    await first.says(/curl [^\n]*\n {2}curl [^\n]*\n/);
    expect((await post(url, token)).status).toBe(201);
    expect((await fetch(`${url}/v1/tracks?artist=${token}`)).status).toBe(401);
    first.child.kill('SIGTERM');
    expect((await first.ended).code).toBe(0);
    expect(first.stderr).toBe('');

    const log = logOf(first);
    expect(log.length).toBeGreaterThan(3);
    for (const line of log) expect([typeof line['level'], typeof line['time']]).toEqual(['string', 'string']);
    expect(JSON.stringify(log)).toMatch(/SAMPLE catalogue/);
    expect(JSON.stringify(log)).not.toMatch(/dwx_/);
    for (const path of ['data', 'data/deadwax.db']) expect(statSync(join(cwd, path)).mode & 0o077).toBe(0); // token hashes

    const second = plain.start({}, { cwd });
    const again = await readyUrl(second);
    expect(second.stdout).not.toMatch(TOKEN);
    // Double quotes: the shell puts the token in.
    await second.says(/-H "Authorization: Bearer \$DEADWAX_TOKEN"/);
    const stored = await fetch(`${again}/v1/tracks/${ISRC}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(stored.status).toBe(200);
    second.child.kill('SIGINT');
    expect((await second.ended).code).toBe(0);
    // The last one out leaves no write-ahead log behind.
    expect(readdirSync(join(cwd, 'data'))).toEqual(['deadwax.db']);
  });

  it('answers the call in flight before it obeys SIGTERM', async () => {
    const spotify = await startSpotifyFake({ catalogue: [fakeTrack({ isrc: ISRC })] });
    const running = service.start({
      AUTH_BOOTSTRAP_TOKEN: SECRET,
      SPOTIFY_CLIENT_ID: spotify.clientId,
      SPOTIFY_CLIENT_SECRET: spotify.clientSecret,
      SPOTIFY_API_URL: spotify.apiUrl,
      SPOTIFY_ACCOUNTS_URL: spotify.accountsUrl,
      LOG_LEVEL: 'debug',
    });
    try {
      const url = await readyUrl(running);
      const release = spotify.hold();
      const answer = post(url, SECRET);
      while (spotify.stats.requests.every(({ path }) => path !== '/v1/search')) await sleep(10);
      running.child.kill('SIGTERM');
      await sleep(300);
      release();
      expect((await answer).status).toBe(201);
      const { code } = await running.ended;
      expect([code, running.stderr]).toEqual([0, '']);
      for (const secret of [SECRET, spotify.clientSecret]) expect(running.stdout).not.toContain(secret);
    } finally {
      await spotify.stop();
    }
  });

  it('writes nothing but its log in production, and nothing of one line into another', async () => {
    const running = service.start({
      NODE_ENV: 'production',
      AUTH_BOOTSTRAP_TOKEN: SECRET,
      SPOTIFY_CLIENT_ID: 'id',
      SPOTIFY_CLIENT_SECRET: 'secret',
      SPOTIFY_API_URL: 'http://127.0.0.1:1/v1',
      SPOTIFY_ACCOUNTS_URL: 'http://127.0.0.1:1',
    });
    const url = await readyUrl(running);
    expect((await post(url, SECRET)).status).toBe(503);
    const read = await fetch(`${url}/v1/tracks/USRC17607839?`, {
      headers: { authorization: `Bearer ${SECRET}` },
    });
    expect(read.status).toBe(404);
    running.child.kill('SIGTERM');
    expect((await running.ended).code).toBe(0);
    const log = logOf(running);
    const failure = log.find(({ slug }) => slug === 'source-unavailable');
    const call = log.find(({ msg }) => msg === 'call');
    expect(failure?.['requestId']).toBe(call?.['requestId']);
    expect(Object.keys(call ?? {}).sort()).toEqual([
      'caller',
      'callerKind',
      'durationMs',
      'level',
      'method',
      'msg',
      'path',
      'requestId',
      'route',
      'status',
      'time',
    ]);
    // The shorter way of reads tells the same of itself.
    const ofRead = log.find(({ route }) => route === '/v1/tracks/:isrc');
    expect(Object.keys(ofRead ?? {}).sort()).toEqual(Object.keys(call ?? {}).sort());
    expect(ofRead).toMatchObject({
      ...{ msg: 'call', level: 'info', method: 'GET', path: '/v1/tracks/USRC17607839', status: 404 },
      ...{ requestId: read.headers.get('x-request-id'), caller: call?.['caller'], callerKind: 'api-token' },
    });
  });

  it('ends with code 0 when told to while it waits for its database', async () => {
    const running = service.start({ DATABASE_URL: `mariadb://deadwax:${SECRET}@127.0.0.1:1/deadwax` });
    await running.says(/cannot be reached/);
    running.child.kill('SIGTERM');
    const { code } = await running.ended;
    expect([code, running.stderr]).toEqual([0, '']);
    expect(running.stdout).not.toContain(SECRET);
  });

  it('makes one first token when two start on one new file', async () => {
    const DATABASE_URL = `sqlite:${join(service.folder(), 'new', 'shared.db')}`;
    const both = [service.start({ DATABASE_URL }), service.start({ DATABASE_URL })];
    const urls = await Promise.all(both.map(readyUrl));
    const tokens = both.flatMap(({ stdout }) => TOKEN.exec(stdout)?.[0] ?? []);
    expect(tokens).toHaveLength(1);
    const answers = await Promise.all(urls.map((url) => post(url, tokens[0] ?? '')));
    expect(answers.map(({ status }) => status).every((status) => [200, 201].includes(status))).toBe(true);
    for (const { child } of both) child.kill('SIGTERM');
    expect(await Promise.all(both.map(async ({ ended }) => (await ended).code))).toEqual([0, 0]);
  });
});

describe('faults that end it', () => {
  async function fault(environment: Record<string, string>, options?: { cwd: string }): Promise<string> {
    const running = service.start(environment, options);
    const { code, ms } = await running.ended;
    expect(code).toBe(1);
    expect(ms).toBeLessThan(12_000); // about one second where nothing else runs; a loaded test machine is far slower
    expect(running.stdout + running.stderr).not.toContain(SECRET);
    expect(running.stderr).not.toMatch(/^\s+at /m);
    expect(running.stderr).not.toBe('');
    return running.stderr;
  }

  it('are all told at once where settings are wrong, without their secrets', async () => {
    const told = await fault({
      PORT: '70000',
      LOG_LEVEL: 'loud',
      DATABASE_URL: `oracle://user:${SECRET}@host/db`,
      SPOTIFY_CLIENT_SECRET: SECRET,
      SPOTIFY_MARKETS: 'Norway',
      AUTH_BOOTSTRAP_TOKEN: `${SECRET} with blanks and so not allowed`,
    });
    for (const name of [
      'PORT',
      'LOG_LEVEL',
      'DATABASE_URL',
      'SPOTIFY_CLIENT_ID',
      'SPOTIFY_MARKETS',
      'AUTH_BOOTSTRAP_TOKEN',
    ])
      expect(told).toContain(name);
  });

  it('include production without credentials', async () => {
    expect(await fault({ NODE_ENV: 'production' })).toMatch(/SPOTIFY_CLIENT_ID.*SPOTIFY_CLIENT_SECRET/);
  });

  it('include a port that is taken', async () => {
    const holder = createServer().listen(0, '127.0.0.1');
    await once(holder, 'listening');
    const { port } = holder.address() as { port: number };
    try {
      const told = await fault({ PORT: String(port) });
      expect(told).toMatch(/EADDRINUSE|in use/);
      expect(told).toContain(String(port));
    } finally {
      holder.close();
    }
  });

  it('include a database file that is a folder, stands below a file, or is no database', async () => {
    const cwd = service.folder();
    mkdirSync(join(cwd, 'folder.db'));
    writeFileSync(join(cwd, 'file'), 'text '.repeat(1000));
    for (const path of ['./folder.db', './file/below.db', './file'])
      expect(await fault({ DATABASE_URL: `sqlite:${path}` }, { cwd })).toContain(path);
  });
});

describe('the command line', () => {
  const run = async (cwd: string, ...args: string[]) => {
    const running = (args.length === 1 ? plain : service).start({}, { args, cwd });
    const { code } = await running.ended;
    return { code, out: running.stdout, err: running.stderr };
  };

  it('makes, lists, shows, rotates and revokes tokens', async () => {
    const cwd = service.folder();
    expect(await run(cwd, 'migrate')).toMatchObject({ code: 0, out: 'The schema is up to date.\n', err: '' });
    const made = await run(
      cwd,
      'token',
      'create',
      '--name',
      'ci',
      '--role',
      'reader',
      '--expires',
      '90d',
      '--json',
    );
    const token = JSON.parse(made.out) as { id: string; token: string; scopes: string[] };
    expect([made.code, made.err]).toEqual([0, '']);
    expect(token).toMatchObject({ name: 'ci', scopes: ['tracks:read', 'imports:read'] });
    expect(token.token).toMatch(TOKEN);
    const plain = await run(cwd, 'token', 'create', '--name', 'two\u202e', '--scopes', 'ops:read');
    expect(plain.out).toMatch(TOKEN);

    const listed = await run(cwd, 'token', 'list', '--json');
    expect(JSON.parse(listed.out)).toMatchObject([{ id: token.id, revokedAt: null }, { name: 'two\u202e' }]);
    expect(listed.out).not.toMatch(TOKEN);
    expect((await run(cwd, 'token', 'show', token.id)).out).toMatch(
      /^id +tok_\w+\nname +ci\n[\s\S]*state +until/,
    );
    const rotated = await run(cwd, 'token', 'rotate', token.id, '--overlap', '12h', '--json');
    expect([rotated.code, JSON.parse(rotated.out)]).toMatchObject([0, { id: token.id }]);
    expect(rotated.out).toMatch(TOKEN);
    expect(rotated.out).not.toContain(token.token);
    const unknown = await run(cwd, 'token', 'revoke', 'tok_unknown');
    expect(unknown).toEqual({ code: 1, out: '', err: 'There is no API token with this id.\n' });
    expect((await run(cwd, 'token', 'revoke', token.id)).code).toBe(0);
    expect((await run(cwd, 'token', 'rotate', token.id)).err).toBe('The token is revoked: make a new one.\n');
    const again = await run(cwd, 'token', 'revoke', token.id);
    expect([again.code, again.out]).toEqual([1, '']);
    expect((await run(cwd, 'token', 'list')).out).toMatch(/\bci\b.*revoked.*\n.*\btwo\ufffd.*valid/);
  });

  it('migrates and makes tokens in production without the credentials of a source that it does not ask, and imports nothing', async () => {
    const cwd = service.folder();
    const inProduction = async (...args: string[]) => {
      const running = service.start({ NODE_ENV: 'production' }, { args, cwd });
      return { code: (await running.ended).code, err: running.stderr };
    };
    expect(await inProduction('migrate')).toEqual({ code: 0, err: '' });
    expect(await inProduction('token', 'create', '--name', 'x', '--role', 'admin')).toEqual({
      code: 0,
      err: '',
    });
    writeFileSync(join(cwd, 'codes.csv'), 'isrc\nUSWB10102873\n');
    const [imported, served] = await Promise.all([
      inProduction('import', 'codes.csv'),
      inProduction('serve'),
    ]);
    for (const { code, err } of [imported, served]) {
      expect(code).toBe(1);
      expect(err).toContain('SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET are missing');
    }
  });

  it('explains itself, and says what is wrong with its arguments', async () => {
    const cwd = service.folder();
    const [help, version, ...wrong] = await Promise.all([
      run(cwd, '--help'),
      run(cwd, '--version'),
      run(cwd, 'dance'),
      run(cwd, 'token', 'create', '--name', 'a\u001b[2J\u009bb', '--role', 'reader'),
    ]);
    expect([help.code, version.code]).toEqual([0, 0]);
    expect(help.out).toMatch(/serve[\s\S]*migrate[\s\S]*token/);
    expect(version.out).toMatch(/^\d+\.\d+\.\d+\n$/);
    for (const { code, out, err } of wrong) {
      expect(code).toBe(1);
      expect(out).toBe('');
      expect(err).not.toBe('');
      expect(err).not.toMatch(/^\s+at /m);
    }
    expect(wrong[1].err).toContain('must have no control characters');
    expect(existsSync(join(cwd, 'data'))).toBe(false);
  });

  it('does not wait for migrations that are another job to apply', async () => {
    const running = service.start(
      { DATABASE_MIGRATE: 'false' },
      { args: ['token', 'create', '--name', 'x', '--role', 'reader'] },
    );
    expect((await running.ended).code).toBe(1);
    expect(running.stderr).toMatch(/not current: run "deadwax migrate"/);
  });

  it('does not wait for a database that is not there', async () => {
    const running = service.start(
      { DATABASE_URL: `postgres://deadwax:${SECRET}@127.0.0.1:1/deadwax` },
      { args: ['token', 'list'] },
    );
    const { code, ms } = await running.ended;
    expect(code).toBe(1);
    expect(ms).toBeLessThan(12_000);
    expect(running.stderr).toMatch(/postgres at 127\.0\.0\.1:1.*ECONNREFUSED/);
    expect(running.stderr).not.toMatch(/^\s+at /m);
    expect(running.stdout + running.stderr).not.toContain(SECRET);
  });
});
