import { existsSync, chmodSync, readdirSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Finding } from '../../src/common/finding';
import { startSpotifyFake } from '../fakes/spotify/spotify-fake';
import { type BuiltService, buildService } from '../support/built-service';

/* What `deadwax doctor` finds, and that commands touch nothing they need not. */

jest.setTimeout(60_000);

const SECRET = 'hunter2-hunter2-hunter2-hunter2-hunter2';

let service: BuiltService;
beforeAll(() => {
  service = buildService();
});
afterAll(() => service.remove());

interface Outcome {
  readonly code: unknown;
  readonly text: string;
  readonly findings: Finding[];
}

async function run(args: string[], environment: Record<string, string> = {}, cwd = service.folder()) {
  const running = service.start(environment, { args, cwd });
  const { code } = await running.ended;
  return { code, out: running.stdout, err: running.stderr };
}

async function doctor(environment: Record<string, string> = {}, cwd?: string): Promise<Outcome> {
  const { code, out, err } = await run(['doctor', '--json'], environment, cwd);
  expect(out + err).not.toContain(SECRET);
  expect(err).toBe('');
  return { code, text: out, findings: (JSON.parse(out) as { findings: Finding[] }).findings };
}

const bad = ({ findings }: Outcome): string[] =>
  findings.filter(({ status }) => status !== 'ok').map(({ check, status }) => `${status} ${check}`);

async function serve(answer: RequestListener): Promise<{ server: Server; url: string }> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

describe('deadwax doctor', () => {
  it('finds nothing wrong where all is well, and says each thing in a line', async () => {
    const spotify = await startSpotifyFake({ catalogue: [] });
    const cwd = service.folder();
    const environment = {
      SPOTIFY_CLIENT_ID: spotify.clientId,
      SPOTIFY_CLIENT_SECRET: spotify.clientSecret,
      SPOTIFY_API_URL: spotify.apiUrl,
      SPOTIFY_ACCOUNTS_URL: spotify.accountsUrl,
    };
    try {
      await run(['migrate'], {}, cwd);
      const found = await doctor(environment, cwd);
      expect([found.code, bad(found)]).toEqual([0, []]);
      expect(found.findings.map(({ check }) => check)).toEqual(
        expect.arrayContaining(['settings', 'database', 'migrations', 'credentials', 'clock', 'disk']),
      );
      expect(found.text).not.toContain(spotify.clientSecret);
      // One token, and no search, which would cost quota.
      expect(spotify.stats.requests.map(({ path }) => path)).toEqual(['/api/token']);
      const plain = await run(['doctor'], environment, cwd);
      expect(plain.out).toMatch(/^ok {6}database: SQLite 3\.[\s\S]*\n0 errors, 0 warnings\.\n$/m);

      const refused = await doctor({ ...environment, SPOTIFY_CLIENT_SECRET: SECRET }, cwd);
      expect([refused.code, bad(refused)]).toEqual([1, ['error credentials']]);
      expect(refused.findings.find(({ check }) => check === 'credentials')?.advice).toMatch(/dashboard/);
    } finally {
      await spotify.stop();
    }
  });

  it('tells every wrong setting, and of a missing file without making it', async () => {
    const wrong = await doctor({
      PORT: '70000',
      DATABASE_URL: `oracle://u:${SECRET}@h/d`,
      LOG_LEVEL: 'loud',
    });
    expect([wrong.code, bad(wrong)]).toEqual([1, ['error settings', 'error settings', 'error settings']]);
    const cwd = service.folder();
    const missing = await doctor({}, cwd);
    expect([missing.code, bad(missing)]).toEqual([0, ['warning settings', 'warning database']]);
    expect(existsSync(join(cwd, 'data'))).toBe(false);
  });

  it('tells what does not answer, each by its own name', async () => {
    const found = await doctor({
      DATABASE_URL: `postgres://deadwax:${SECRET}@127.0.0.1:1/deadwax`,
      REDIS_URL: `redis://:${SECRET}@127.0.0.1:1`,
      AUTH_JWT_ISSUER: 'http://127.0.0.1:1',
      AUTH_JWT_AUDIENCE: 'https://deadwax.example',
      SPOTIFY_CLIENT_ID: 'id',
      SPOTIFY_CLIENT_SECRET: SECRET,
      SPOTIFY_ACCOUNTS_URL: 'http://127.0.0.1:1',
    });
    expect(found.code).toBe(1);
    expect(bad(found).sort()).toEqual([
      'error credentials',
      'error database',
      'error identity provider',
      'error redis',
    ]);
    for (const { advice } of found.findings.filter(({ status }) => status === 'error'))
      expect(advice).toMatch(/\w{4}/);
  });

  it('tells a clock that is off, and a file that others may read', async () => {
    const cwd = service.folder();
    await run(['migrate'], {}, cwd);
    chmodSync(join(cwd, 'data', 'deadwax.db'), 0o644);
    const { server, url } = await serve((_request, response) => {
      response.setHeader('date', new Date(Date.now() - 3_600_000).toUTCString());
      response.setHeader('content-type', 'application/json');
      response.end('{"access_token":"x","token_type":"Bearer","expires_in":3600}');
    });
    try {
      const environment = {
        SPOTIFY_CLIENT_ID: 'id',
        SPOTIFY_CLIENT_SECRET: SECRET,
        SPOTIFY_ACCOUNTS_URL: url,
      };
      const found = await doctor(environment, cwd);
      expect([found.code, bad(found).sort()]).toEqual([1, ['error clock', 'warning database']]);
      expect(found.findings.find(({ check }) => check === 'clock')?.message).toMatch(/36\d\d s ahead/);
    } finally {
      server.close();
    }
  });
});

describe('commands on a database file that is not there', () => {
  it.each([[['token', 'list']], [['token', 'revoke', 'tok_x']], [['lookup', 'USWB10102873']], [['export']]])(
    '%j says so, and makes none',
    async (args) => {
      const cwd = service.folder();
      const { code, out, err } = await run(args, {}, cwd);
      expect([code, out]).toEqual([1, '']);
      expect(err).toMatch(/^There is no database at \.\/data\/deadwax\.db: .*\n$/);
      expect(readdirSync(cwd)).toEqual([]);
    },
  );
});

it('loads nothing of the app to show its help', async () => {
  const plain = buildService({ isPlain: true });
  const running = plain.start({ NODE_DEBUG: 'module' }, { args: ['--help'] });
  const { code } = await running.ended;
  const { stdout: out, stderr: err } = running;
  await plain.remove();
  expect([code, out]).toEqual([0, expect.stringMatching(/doctor/)]);
  expect(err).toMatch(/load "[^"]*commander/); // the log of loads works
  expect(err).not.toMatch(/load "[^"]*(typeorm|@nestjs|fastify|better-sqlite3|mysql2|ioredis)\//);
});
