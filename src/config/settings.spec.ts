import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { parseSettings, SettingsError } from './settings';

type Environment = Readonly<Record<string, string | undefined>>;

const CREDENTIALS = { SPOTIFY_CLIENT_ID: 'an-id', SPOTIFY_CLIENT_SECRET: 'a-secret' };

function errorOf(environment: Environment): SettingsError {
  try {
    parseSettings(environment);
  } catch (error) {
    if (error instanceof SettingsError) return error;
    throw error;
  }
  throw new Error('the settings were accepted');
}

const faultsOf = (environment: Environment): readonly string[] => errorOf(environment).faults;

describe('parseSettings: defaults', () => {
  it('needs nothing at all', () => {
    expect(parseSettings({})).toEqual({
      isProduction: false,
      host: '127.0.0.1',
      port: 3000,
      replicas: [],
      imports: { retentionDays: 90 },
      workers: 1,
      http: { corsOrigins: [], trustedProxies: [] },
      graphql: { hasPage: true },
      clientLimits: { requestsPerMinute: 6000, failuresPerMinute: 600 },
      logLevel: 'info',
      shutdownDelayMs: 0,
      telemetry: { environment: 'development', sentryDsn: null, newRelic: null, otlpEndpoint: null },
      database: { engine: 'sqlite', path: './data/deadwax.db', shouldMigrate: true, poolSize: 10 },
      redis: null,
      spotify: null,
      auth: { bootstrapToken: null, jwt: null },
    });
  });

  it('with credentials, asks Spotify itself', () => {
    expect(parseSettings(CREDENTIALS).spotify).toEqual({
      clientId: 'an-id',
      clientSecret: 'a-secret',
      apiUrl: 'https://api.spotify.com/v1',
      accountsUrl: 'https://accounts.spotify.com',
      markets: [],
      maxPages: 10,
      requestsPer30s: 25,
      requestsPerDay: 800,
      timeoutMs: 10_000,
    });
  });

  it('counts an empty variable as unset, and looks at no other variable', () => {
    const names = [...namesInSchema(), 'PATH'];
    expect(parseSettings(Object.fromEntries(names.map((name) => [name, ''])))).toEqual(parseSettings({}));
    expect(parseSettings({ port: '1', SPOTIFY_TOKEN: 'x', PATH: '/bin', PORT: undefined })).toEqual(
      parseSettings({}),
    );
  });

  it('freezes all that it gives, to the last list', () => {
    const parts: unknown[] = [parseSettings({ ...CREDENTIALS, SPOTIFY_MARKETS: 'SE' })];
    for (const part of parts) {
      if (typeof part !== 'object' || part === null) continue;
      expect(Object.isFrozen(part)).toBe(true);
      parts.push(...(Object.values(part) as unknown[]));
    }
    expect(parts.length).toBeGreaterThanOrEqual(20);
  });
});

describe('parseSettings: the rule of each setting', () => {
  it.each([
    ['PORT', '0', { port: 0 }],
    ['PORT', '65535', { port: 65_535 }],
    ['PORT', '08080', { port: 8080 }],
    ['HOST', '::1', { host: '::1' }],
    ['HOST', 'api.internal-1', { host: 'api.internal-1' }],
    ['LOG_LEVEL', 'silent', { logLevel: 'silent' }],
    ['LOG_LEVEL', 'trace', { logLevel: 'trace' }],
    ['DATABASE_MIGRATE', 'false', { database: { shouldMigrate: false } }],
    ['DATABASE_URL', 'sqlite:x.db', { database: { engine: 'sqlite', path: 'x.db' } }],
    ['SPOTIFY_API_URL', 'http://127.0.0.1:4010/v1/', { spotify: { apiUrl: 'http://127.0.0.1:4010/v1' } }],
    ['SPOTIFY_ACCOUNTS_URL', 'https://proxy///', { spotify: { accountsUrl: 'https://proxy' } }],
    ['SPOTIFY_MARKETS', ' se, US,,de ', { spotify: { markets: ['SE', 'US', 'DE'] } }],
    ['SPOTIFY_MAX_PAGES', '100', { spotify: { maxPages: 100 } }],
    ['SPOTIFY_TIMEOUT_MS', '100', { spotify: { timeoutMs: 100 } }],
    ['AUTH_BOOTSTRAP_TOKEN', 'x'.repeat(32), { auth: { bootstrapToken: 'x'.repeat(32) } }],
    ['AUTH_BOOTSTRAP_TOKEN', '~!'.repeat(100), { auth: { bootstrapToken: '~!'.repeat(100) } }],
    ['NODE_ENV', 'production', { isProduction: true }],
    ['NODE_ENV', 'Production', { isProduction: false }],
  ])('%s accepts %j', (name, value, settings) => {
    expect(parseSettings({ ...CREDENTIALS, [name]: value })).toMatchObject(settings);
  });

  it.each([
    ['PORT', ['65536', '-1', '80.0', '1e3', '0x50', ' 80', '80 ', '٣', '1234567890'], /whole number from 0 to 65535/],
    ['HOST', ['a b', 'http://x', 'x/y', 'a\nb', 'h'.repeat(256), 'ho\u017ft'], /host name or an IP address/],
    ['LOG_LEVEL', ['INFO', 'verbose', 'info '], /one of fatal, error, warn, info, debug, trace, silent/],
    ['DATABASE_URL', ['data.db', 'oracle://u@h/d', 'mysql://h/d'], /must be sqlite:PATH, or mysql:/],
    ['DATABASE_MIGRATE', ['yes', 'TRUE', '1', '0'], /must be true or false/],
    ['SPOTIFY_CLIENT_ID', ['a:b', 'a b', 'ä', 'x'.repeat(201)], /printable ASCII without space or colon/],
    ['SPOTIFY_CLIENT_SECRET', ['a b', 'a\tb', 'é', 'x'.repeat(201)], /printable ASCII without space/],
    ['SPOTIFY_API_URL', ['api', 'ftp://h/', 'https://u:p@h/', 'https://h/?a=b', 'https://h/#x', 'https://h/v1?', 'https://h/v1#', ' https://h/v1'], /http or https address/],
    ['SPOTIFY_ACCOUNTS_URL', ['//h', 'file:///x', 'https://u@h', 'https://h?x'], /http or https address/],
    ['SPOTIFY_MARKETS', ['SWE', 'S', 'SE;US', 'SE,se', 'S3', 'ＳＥ', many(21)], /alpha-2 country codes/],
    ['SPOTIFY_MAX_PAGES', ['0', '101', 'all'], /whole number from 1 to 100$|whole number from 1 to 100 /],
    ['SPOTIFY_TIMEOUT_MS', ['99', '120001', '10s'], /whole number from 100 to 120000 \(milliseconds\)/],
    ['AUTH_BOOTSTRAP_TOKEN', ['x'.repeat(31), 'x'.repeat(201), `${'x'.repeat(40)} y`, 'ü'.repeat(40)], /32 to 200 characters/],
  ])('%s refuses %j', (name, values, rule) => {
    for (const value of values) {
      const faults = faultsOf({ ...CREDENTIALS, [name]: value });
      expect(faults).toEqual([expect.stringMatching(rule)]);
      expect(faults[0]?.startsWith(`${name} `)).toBe(true);
    }
  }); // prettier-ignore

  it('accepts the market list at its limit', () => {
    expect(parseSettings({ ...CREDENTIALS, SPOTIFY_MARKETS: many(20) }).spotify?.markets).toHaveLength(20);
  });
});

describe('parseSettings: credentials', () => {
  it.each(['SPOTIFY_CLIENT_ID', 'SPOTIFY_CLIENT_SECRET'] as const)(
    'refuses %s without the other',
    (given) => {
      const missing = given === 'SPOTIFY_CLIENT_ID' ? 'SPOTIFY_CLIENT_SECRET' : 'SPOTIFY_CLIENT_ID';
      for (const NODE_ENV of [undefined, 'production']) {
        expect(faultsOf({ NODE_ENV, [given]: CREDENTIALS[given], [missing]: '' })).toEqual([
          `${missing} is missing: the client id and the client secret go together`,
        ]);
      }
    },
  );

  it('refuses to serve samples in production, and in production alone', () => {
    expect(faultsOf({ NODE_ENV: 'production' })).toEqual([
      'SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET are missing: the sample catalogue does not serve in production',
    ]);
    expect(parseSettings({ NODE_ENV: 'production', ...CREDENTIALS }).isProduction).toBe(true);
    expect(parseSettings({ NODE_ENV: 'staging' }).spotify).toBeNull();
    // Who migrates or makes tokens asks the source for nothing.
    expect(parseSettings({ NODE_ENV: 'production' }, { asksSource: false }).spotify).toBeNull();
  });
});

describe('SettingsError', () => {
  it('names every fault at once, each once', () => {
    const wrong = {
      PORT: 'x',
      HOST: 'a b',
      LOG_LEVEL: 'x',
      DATABASE_URL: 'x',
      DATABASE_MIGRATE: 'x',
      SPOTIFY_CLIENT_SECRET: 'a b',
      SPOTIFY_API_URL: 'x',
      SPOTIFY_ACCOUNTS_URL: 'x',
      SPOTIFY_MARKETS: 'x',
      SPOTIFY_MAX_PAGES: 'x',
      SPOTIFY_TIMEOUT_MS: 'x',
      AUTH_BOOTSTRAP_TOKEN: 'x',
    };
    const error = errorOf(wrong);
    expect(error.faults.map((fault) => fault.split(' ')[0])).toEqual([
      ...Object.keys(wrong),
      'SPOTIFY_CLIENT_ID', // missing
    ]);
    expect(error.message).toContain('13 settings are wrong');
    for (const fault of error.faults) expect(error.message).toContain(`\n  - ${fault}\n`);
  });

  it('shows the wrong value of settings that are no secret, cut', () => {
    expect(faultsOf({ PORT: 'x'.repeat(1000) })).toEqual([expect.stringContaining(`"${'x'.repeat(60)}")`)]);
    expect(faultsOf({ HOST: 'a\u001b[31m' })).toEqual([expect.stringContaining(String.raw`"a\u001b[31m"`)]);
  });

  it('speaks of one fault in the singular', () => {
    expect(errorOf({ PORT: 'x' }).message).toMatch(
      /^Deadwax cannot start: one setting is wrong\.\n {2}- PORT /,
    );
  });

  it('never shows a secret, whatever else is wrong', () => {
    const secret = fc.oneof(
      fc.string({ unit: 'grapheme-ascii', minLength: 16, maxLength: 250 }),
      fc.string({ unit: 'binary', minLength: 16, maxLength: 60 }),
    );
    const scheme = fc.constantFrom('mysql', 'mariadb', 'postgres', 'mssql');
    const end = fc.constantFrom(
      '@h/db',
      '@/db',
      '@h/',
      '@h/db?ssl=1',
      '@h/db?sslmode=require',
      '@h:port/db',
      '',
    );
    fc.assert(
      fc.property(
        secret,
        secret,
        secret,
        secret,
        scheme,
        end,
        (id, clientSecret, token, password, kind, tail) => {
          const error = errorOf({
            PORT: 'wrong',
            SPOTIFY_CLIENT_ID: id,
            SPOTIFY_CLIENT_SECRET: clientSecret,
            SPOTIFY_API_URL: `https://user:${encode(password)}@h/v1`,
            AUTH_BOOTSTRAP_TOKEN: token,
            DATABASE_URL: `${kind}://deadwax:${encode(password)}${tail}`,
            REDIS_URL: `redis://deadwax:${encode(password)}@h/x${tail}`,
          });
          const told = error.message + String(error.stack) + inspect(error, { depth: 9 });
          for (const text of [id, clientSecret, token, password, encode(password)]) {
            expect(told.includes(text)).toBe(false);
          }
        },
      ),
    );
  });
});

describe('the documents', () => {
  it('.env.example names exactly the settings there are, with their defaults', () => {
    const entries = linesOf('.env.example').flatMap((line) => {
      const [, name, value] = /^([A-Z][A-Z0-9_]*)=(.*)$/.exec(line) ?? [];
      return name === undefined ? [] : [[name, value] as const];
    });
    expect(entries.map(([name]) => name).sort()).toEqual(namesInSchema());
    const example = Object.fromEntries(entries);
    expect(parseSettings(example)).toEqual(parseSettings({}));
    expect(parseSettings({ ...example, ...CREDENTIALS })).toEqual(parseSettings(CREDENTIALS));
  });

  it('.env.example holds settings, comments and blank lines, and nothing else', () => {
    expect(linesOf('.env.example').filter((line) => !/^(#.*|[A-Z][A-Z0-9_]*=.*|)$/.test(line))).toEqual([]);
  });

  it("README's table names exactly the settings there are", () => {
    const lines = linesOf('README.md');
    const start = lines.indexOf('## Settings');
    const end = lines.findIndex((line, at) => at > start && line.startsWith('## '));
    const names = lines.slice(start, end).flatMap((line) => /^\| `([A-Z][A-Z0-9_]*)`/.exec(line)?.[1] ?? []);
    expect(start).toBeGreaterThan(0);
    expect(names.sort()).toEqual(namesInSchema());
  });
});

function linesOf(file: string): string[] {
  return readFileSync(join(__dirname, '..', '..', file), 'utf8').split('\n');
}

/** The schema is not for others to see; its source text has one setting at the start of a line. */
function namesInSchema(): string[] {
  const source = readFileSync(join(__dirname, 'environment.ts'), 'utf8');
  const [, schema = ''] = /const environment = z\.object\(\{\n([^]*?)\n\}\);/.exec(source) ?? [];
  const names = [...schema.matchAll(/^ {2}([A-Z][A-Z0-9_]*):/gm)].map(([, name = '']) => name);
  expect(names).toContain('AUTH_BOOTSTRAP_TOKEN');
  return names.sort();
}

/** As in a URL; what has no UTF-8 is replaced first. */
function encode(text: string): string {
  return encodeURIComponent(Buffer.from(text).toString());
}

/** A list of so many countries. */
function many(count: number): string {
  const letters = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZ');
  return letters
    .slice(0, count)
    .map((letter) => `X${letter}`)
    .join();
}

describe('parseSettings: replicas', () => {
  const database = 'mariadb://u:p@db.example/deadwax';
  const parse = (urls: string) => parseSettings({ DATABASE_URL: database, DATABASE_REPLICA_URLS: urls });

  it('reads addresses separated by commas', () => {
    const { replicas } = parse('mariadb://u:p@one.example/deadwax, mariadb://u:p@two.example:3307/deadwax,');
    expect(replicas).toMatchObject([
      { host: 'one.example', port: 3306 },
      { host: 'two.example', port: 3307 },
    ]);
  });

  it.each([
    ['of another engine', 'postgres://u:secret@one.example/deadwax', /must be of the engine of DATABASE_URL/],
    ['of SQLite', 'sqlite:./copy.db', /one is of SQLite/],
    ['without a user', 'mariadb://one.example/deadwax', /DATABASE_REPLICA_URLS must be/],
  ])('refuses one %s, without a secret', (_, urls, message) => {
    expect(() => parse(urls)).toThrow(message);
    expect(() => parse(urls)).toThrow(expect.not.stringContaining('secret') as Error);
  });
});
