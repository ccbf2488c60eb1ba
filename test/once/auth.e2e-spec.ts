import { DataSource } from 'typeorm';
import { makeTokenText } from '../../src/auth/api-token.text';
import { ApiTokensService } from '../../src/auth/api-tokens.service';
import { ROLES, SCOPES } from '../../src/auth/scopes';
import { type Answer, startApp, type TestApp } from '../support/app';
import { countQueriesOfCalls } from '../support/query-count';
import { expectProblem } from '../e2e/problem-check';
import { sendRaw } from '../e2e/raw-http';

const BOOTSTRAP = 'text-of-an-admin-token-made-elsewhere';
const ROLE_NAMES = ['reader', 'editor', 'operator', 'admin'] as const;

/** All but Date: only what reads the time of day sees the clock of a test. */
const REAL_CLOCKS = [
  ...([
    'setTimeout',
    'setInterval',
    'setImmediate',
    'clearTimeout',
    'clearInterval',
    'clearImmediate',
  ] as const),
  ...(['nextTick', 'queueMicrotask', 'performance', 'hrtime'] as const),
];

let service: TestApp;
let tokens: ApiTokensService;
beforeAll(async () => {
  service = await startApp({ AUTH_BOOTSTRAP_TOKEN: BOOTSTRAP });
  tokens = service.app.get(ApiTokensService);
});
afterAll(() => service.stop());

const me = (token: string | null, headers: Record<string, string> = {}): Promise<Answer> =>
  service.call('GET', '/v1/me', { token, headers });
const challengeOf = ({ headers }: Pick<Answer, 'headers'>): string | null => headers.get('www-authenticate');
const INVALID = 'Bearer realm="deadwax", error="invalid_token"';

/** How many times the calls of `work` take a connection to ask the database something. */
async function queriesOf(work: () => Promise<unknown>): Promise<number> {
  const queries = countQueriesOfCalls(service.app.get(DataSource));
  try {
    await work();
    return queries.count;
  } finally {
    queries.stop();
  }
}

describe('GET /v1/me', () => {
  it('tells the caller who it is', async () => {
    const expiresAt = new Date(Date.now() + 3_600_000);
    const { token, text } = await tokens.create('short', ['tracks:read'], expiresAt);
    const answer = await me(text);
    expect(answer.body).toEqual({
      subject: token.id,
      kind: 'api-token',
      scopes: ['tracks:read'],
      expiresAt: expiresAt.toISOString(),
    });
    for (const role of ROLE_NAMES) {
      const { body } = await me(service.tokens[role]);
      expect(body).toMatchObject({ scopes: [...ROLES[role]], expiresAt: null });
    }
  });
});

describe('S01 without credentials', () => {
  it('401 that names no error, the same for every path', async () => {
    const bodies = new Set<string>();
    for (const path of ['/v1/me', '/v1/tracks', '/v1/tracks/USWB10102873', '/v1/artists/x', '/health']) {
      const answer = await service.call('GET', path, { token: null });
      expectProblem(answer, 'unauthenticated', path);
      expect(challengeOf(answer)).toBe('Bearer realm="deadwax"');
      bodies.add(JSON.stringify({ ...answer.body, instance: '', requestId: '' }));
    }
    expect(bodies.size).toBe(1);
    expect(await queriesOf(() => me(null))).toBe(0);
  });
});

it.each([
  ['no token', null],
  ['a bad token', 'nothing'],
])('S01 with %s, what is wrong with the body is not told', async (_, token) => {
  const json = { 'content-type': 'application/json' };
  for (const [body, headers] of [
    ['{', json],
    ['x'.repeat(2 ** 20 + 1), json],
    ['a', { 'content-type': 'text/plain' }],
    ['{}', json],
  ] as const) {
    const answer = await service.call('POST', '/v1/tokens', { token, body, headers });
    expectProblem(answer, 'unauthenticated', '/v1/tokens');
    expect(challengeOf(answer)).toBe(token === null ? 'Bearer realm="deadwax"' : INVALID);
  }
});

describe('S02 credentials in another form', () => {
  it.each(['Basic YTpi', 'Token abc', 'Bearerabc', 'Digest x="y"', 'DPoP abc'])(
    '%s counts as none',
    async (authorization) => {
      const answer = await me(null, { authorization });
      expectProblem(answer, 'unauthenticated', '/v1/me');
      expect(challengeOf(answer)).toBe('Bearer realm="deadwax"');
    },
  );

  it.each(['Bearer', 'Bearer ', 'Bearer a b', 'Bearer a,b', 'Bearer a\tb', 'bearer  ='])(
    '%j is an invalid token',
    async (authorization) => {
      const answer = await me(null, { authorization });
      expectProblem(answer, 'unauthenticated', '/v1/me');
      expect(challengeOf(answer)).toBe(INVALID);
    },
  );

  it('two headers are refused, even if both are good', async () => {
    const field = `Authorization: Bearer ${service.tokens.admin}\r\n`;
    for (const fields of [field + field, `${field}Authorization: Basic YTpi\r\n`]) {
      const { answers } = await sendRaw(service.url, [
        `GET /v1/me HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n`,
      ]);
      expect(answers).toHaveLength(1);
      if (answers[0]) expectProblem(answers[0], 'unauthenticated', '/v1/me');
    }
  });

  it('the scheme is read in any case', async () => {
    expect((await me(null, { authorization: `bEaReR ${service.tokens.admin}` })).status).toBe(200);
  });

  it('a token in the query or the body is not taken', async () => {
    for (const name of ['access_token', 'token', 'authorization', 'api_key']) {
      const path = `/v1/me?${name}=${service.tokens.admin}`;
      const answer = await service.call('GET', path, { token: null });
      expectProblem(answer, 'unauthenticated', '/v1/me');
      expect(answer.text).not.toContain(service.tokens.admin);
      expectProblem(await service.call('GET', path), 'invalid-request', '/v1/me');
    }
    const json = { isrc: 'USWB10102873', access_token: service.tokens.admin };
    expectProblem(await service.call('POST', '/v1/tracks', { token: null, json }), 'unauthenticated');
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const form = { token: null, body: `access_token=${service.tokens.admin}`, headers };
    expectProblem(await service.call('POST', '/v1/tracks', form), 'unauthenticated');
  });
});

describe('S12 tokens that are not good', () => {
  it('a mistyped one costs no query', async () => {
    const good = service.tokens.admin;
    const mistyped = [
      ...Array.from(
        { length: good.length - 4 },
        (_, at) => good.slice(0, at + 4) + (good[at + 4] === 'A' ? 'B' : 'A') + good.slice(at + 5),
      ),
      good.slice(0, -1),
      `${good}A`,
      good.toUpperCase(),
    ].filter((text) => text.startsWith('dwx_'));
    expect(mistyped.length).toBeGreaterThan(35);
    // A minute later: what was learned of texts made elsewhere is then old, and would be asked anew.
    jest.useFakeTimers({ now: Date.now() + 60_000, doNotFake: REAL_CLOCKS });
    const queries = await queriesOf(async () => {
      for (const text of mistyped) {
        const answer = await me(text);
        expectProblem(answer, 'unauthenticated', '/v1/me');
        expect(challengeOf(answer)).toBe(INVALID);
      }
    });
    jest.useRealTimers();
    expect(queries).toBe(0);
    // The count would tell: a text of the right form is sought.
    expect(await queriesOf(() => me(makeTokenText()))).toBeGreaterThan(0);
  });

  it('unknown, revoked and expired ones look the same', async () => {
    const revoked = await tokens.create('revoked', ['tracks:read'], null);
    expect((await me(revoked.text)).status).toBe(200);
    expect(await tokens.revoke(revoked.token.id)).toBe(true);
    const expired = await tokens.create('expired', ['tracks:read'], new Date(Date.now() - 1));
    const bodies = new Set<string>();
    for (const text of [makeTokenText(), revoked.text, expired.text]) {
      const answer = await me(text);
      expectProblem(answer, 'unauthenticated', '/v1/me');
      expect(challengeOf(answer)).toBe(INVALID);
      bodies.add(JSON.stringify({ ...answer.body, requestId: '' }));
    }
    expect(bodies.size).toBe(1);
  });

  it('one that expires is refused from that moment on', async () => {
    const { text } = await tokens.create('expiring', ['tracks:read'], new Date(Date.now() + 400));
    expect((await me(text)).status).toBe(200);
    await new Promise((resolve) => setTimeout(resolve, 450));
    expect((await me(text)).status).toBe(401);
  });
});

it('S11 a token of 100 KB does not get far', async () => {
  const { answers } = await sendRaw(service.url, [
    `GET /v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${'a'.repeat(100_000)}\r\n\r\n`,
  ]);
  expect(answers.map(({ status }) => status)).toEqual([431]);
  expect(await queriesOf(() => me('a'.repeat(10_000)))).toBe(0);
});

describe('S17 an encoded path', () => {
  it.each(['/v1/%6De', '/%76%31/me', '/v1/%6d%65'])('%s is decided as /v1/me is', async (path) => {
    const ask = async (token: string | null) =>
      (
        await sendRaw(service.url, [
          `GET ${path} HTTP/1.1\r\nHost: x\r\n${token === null ? '' : `Authorization: Bearer ${token}\r\n`}\r\n`,
        ])
      ).answers[0];
    const [none, good] = [await ask(null), await ask(service.tokens.reader)];
    expect([none?.status, good?.status]).toEqual([401, 200]);
  });

  it('and one of a scope as that scope', async () => {
    for (const path of ['/%68ealth', '/v1/%74racks', '/v1/tracks/%55SWB10102873']) {
      const token = path.includes('ealth') ? service.tokens.editor : service.tokens.operator;
      const { answers } = await sendRaw(service.url, [
        `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`,
      ]);
      expect(answers.map(({ status }) => status)).toEqual([403]);
    }
  });
});

// Last: it removes the tokens of the other tests.
it('AUTH_BOOTSTRAP_TOKEN is an admin token, but not where there is another', async () => {
  expect(await tokens.ensureFirstToken()).toBeNull();
  expect((await me(BOOTSTRAP)).status).toBe(401);
  await service.app.get(DataSource).query('DELETE FROM api_token');
  expect(await tokens.ensureFirstToken()).toBeNull();
  const { status, body } = await me(BOOTSTRAP);
  expect([status, body]).toEqual([
    200,
    { subject: 'bootstrap', kind: 'api-token', scopes: [...SCOPES], expiresAt: null },
  ]);
  expect((await me(`${BOOTSTRAP}x`)).status).toBe(401);
  expect((await me(service.tokens.admin)).status).toBe(401);
});
