import { DataSource } from 'typeorm';
import { ApiTokensRepository } from '../../src/auth/api-tokens.repository';
import { ApiTokensService } from '../../src/auth/api-tokens.service';
import { AuditEvent } from '../../src/auth/entities/audit-event.entity';
import { makeTokenText } from '../../src/auth/api-token.text';
import { ROLES, SCOPES, type Scope } from '../../src/auth/scopes';
import { type Answer, type CallOptions, startApp, type TestApp } from '../support/app';
import { assertNoSecret, dumpDatabase } from '../support/secrets';
import { countQueriesOfCalls } from '../support/query-count';
import { expectProblem } from './problem-check';
import { sendRaw } from './raw-http';

const TEXT = /^dwx_[0-9A-Za-z]{38}$/;
const UNKNOWN = 'tok_000000000000000000000000';

let service: TestApp;
let tokens: ApiTokensService;
beforeAll(async () => {
  service = await startApp();
  tokens = service.app.get(ApiTokensService);
});
afterAll(() => service.stop());

const create = (json: unknown, options: CallOptions = {}) =>
  service.call('POST', '/v1/tokens', { json, ...options });
const read = (id: string) => service.call('GET', `/v1/tokens/${id}`);
const rotate = (id: string, json?: unknown, token?: string) =>
  service.call('POST', `/v1/tokens/${id}/rotate`, { json, ...(token === undefined ? {} : { token }) });
const revoke = (id: string) => service.call('DELETE', `/v1/tokens/${id}`);
const me = (token: string): Promise<Answer> => service.call('GET', '/v1/me', { token });
const auditOf = (tokenId: string) =>
  service.app
    .get(DataSource)
    .manager.find(AuditEvent, { where: { tokenId }, order: { at: 'ASC', event: 'ASC' } });
/** A token with these scopes, made past the calls under test. */
const holder = async (scopes: readonly Scope[]) => (await tokens.create('holder', scopes, null)).text;

describe('POST /v1/tokens', () => {
  it('makes a token that works at once, and shows its text this once', async () => {
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    const made = await create({
      name: 'Royalty team 🎵',
      scopes: ['tracks:write', 'tracks:read'],
      expiresAt,
    });
    expect(made.status).toBe(201);
    const { id, token, createdAt } = made.body;
    expect(made.body).toEqual({
      id: expect.stringMatching(/^tok_[0-9a-f]{24}$/),
      name: 'Royalty team 🎵',
      scopes: ['tracks:read', 'tracks:write'],
      createdAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      expiresAt,
      token: expect.stringMatching(TEXT),
    });
    expect(made.headers.get('location')).toBe(`/v1/tokens/${id}`);
    expect(made.headers.get('cache-control')).toBe('no-store');
    expect(made.headers.get('idempotency-replayed')).toBeNull();
    expect((await me(token)).body).toEqual({
      subject: id,
      kind: 'api-token',
      scopes: ['tracks:read', 'tracks:write'],
      expiresAt,
    });
    const shown = await service.call('GET', made.headers.get('location') ?? '');
    expect(shown.body).toEqual({
      id,
      name: 'Royalty team 🎵',
      scopes: ['tracks:read', 'tracks:write'],
      createdAt,
      expiresAt,
      lastUsedAt: expect.any(String),
      revokedAt: null,
      hint: token.slice(0, 8),
    });
  });

  it('knows every role, and scopes in any time zone and order', async () => {
    for (const [role, scopes] of Object.entries(ROLES)) {
      expect((await create({ name: role, role })).body).toMatchObject({
        scopes: SCOPES.filter((each) => (scopes as readonly Scope[]).includes(each)),
        expiresAt: null,
      });
    }
    const twice = await create({
      name: 'x',
      scopes: ['ops:read', 'ops:read'],
      expiresAt: '2096-02-29T12:00:00.1234+05:30',
    });
    expect(twice.body).toMatchObject({ scopes: ['ops:read'], expiresAt: '2096-02-29T06:30:00.123Z' });
    const small = await create({ name: 'x', role: 'reader', expiresAt: '2096-02-29t12:00:00z' });
    expect(small.body).toMatchObject({ expiresAt: '2096-02-29T12:00:00.000Z' });
    expect((await create({ name: 'x', role: 'reader', expiresAt: null })).body).toMatchObject({
      expiresAt: null,
    });
    expect((await create({ name: '🎵'.repeat(200), role: 'reader' })).status).toBe(201);
  });

  const ok = { name: 'x', role: 'reader' };
  it.each<[string, unknown, string]>([
    ['no body', undefined, 'body'],
    ['a list', [], 'body'],
    ['no name', { role: 'reader' }, 'name'],
    ['an empty name', { ...ok, name: '' }, 'name'],
    ['a blank name', { ...ok, name: ' \t' }, 'name'],
    ['a name of 201 characters', { ...ok, name: 'x'.repeat(201) }, 'name'],
    ['a name with a line end', { ...ok, name: 'a\nb' }, 'name'],
    ['a name with NUL', { ...ok, name: 'a\u0000b' }, 'name'],
    ['a name with half a character', { ...ok, name: 'a\ud83d' }, 'name'],
    ['a name that is a number', { ...ok, name: 1 }, 'name'],
    ['neither scopes nor role', { name: 'x' }, 'scopes'],
    ['both', { ...ok, scopes: ['ops:read'] }, 'scopes'],
    ['no scope', { name: 'x', scopes: [] }, 'scopes'],
    ['an unknown scope', { name: 'x', scopes: ['tracks:read', 'tracks:*'] }, 'scopes.1'],
    ['scopes as text', { name: 'x', scopes: 'tracks:read' }, 'scopes'],
    ['an unknown role', { name: 'x', role: 'king' }, 'role'],
    ['a role of the prototype', { name: 'x', role: 'constructor' }, 'role'],
    ['an expiry that has passed', { ...ok, expiresAt: '2020-01-01T00:00:00Z' }, 'expiresAt'],
    ['a date alone', { ...ok, expiresAt: '2096-01-31' }, 'expiresAt'],
    ['no time zone', { ...ok, expiresAt: '2096-01-31T00:00:00' }, 'expiresAt'],
    ['no seconds', { ...ok, expiresAt: '2096-01-31T00:00Z' }, 'expiresAt'],
    // Its answers would say `+010000-01-01T…`, which is no timestamp.
    ['an end after the year 9999', { ...ok, expiresAt: '9999-12-31T23:59:59-12:00' }, 'expiresAt'],
    ['30 February', { ...ok, expiresAt: '2096-02-30T00:00:00Z' }, 'expiresAt'],
    ['a number', { ...ok, expiresAt: 4102444800 }, 'expiresAt'],
    ...['id', 'tenantId', 'state', 'createdAt', 'revokedAt', 'tokenHash', 'token', 'hint', 'constructor'].map(
      (field): [string, unknown, string] => [`I05 an extra ${field}`, { ...ok, [field]: 'x' }, field],
    ),
  ])('refuses %s', async (_, json, field) => {
    const answer = await create(json);
    expectProblem(answer, 'invalid-request', '/v1/tokens');
    expect(answer.body.errors).toContainEqual({ field, message: expect.any(String) });
  });

  it('S14 nobody mints a token wider than their own', async () => {
    const text = await holder(['tokens:admin', 'tracks:read']);
    expect(
      (await create({ name: 'x', scopes: ['tracks:read', 'tokens:admin'] }, { token: text })).status,
    ).toBe(201);
    for (const [json, lacking] of [
      [{ name: 'x', role: 'admin' }, 'tracks:write imports:read imports:write ops:read'],
      [{ name: 'x', role: 'reader' }, 'imports:read'],
      [{ name: 'x', scopes: ['tracks:read', 'ops:read'] }, 'ops:read'],
    ] as const) {
      const answer = await create(json, { token: text, headers: { 'idempotency-key': 'wider' } });
      expectProblem(answer, 'insufficient-scope', '/v1/tokens');
      expect(answer.headers.get('www-authenticate')).toBe(
        `Bearer realm="deadwax", error="insufficient_scope", scope="${lacking}"`,
      );
    }
    expect(
      (await create({ name: 'x', scopes: ['tracks:read'] }, { token: await holder(['tracks:read']) })).status,
    ).toBe(403);
  });
});

describe('Idempotency-Key on POST /v1/tokens', () => {
  const body = { name: 'idempotent', role: 'reader' };
  const withKey = (key: string, json: unknown = body, token?: string) =>
    create(json, { headers: { 'idempotency-key': key }, ...(token === undefined ? {} : { token }) });
  const countOf = async (name: string) =>
    (await service.app.get(DataSource).query(`SELECT COUNT(*) AS n FROM api_token WHERE name = '${name}'`))[0]
      .n;

  it('A10 the same key and body get the first answer again, marked, and make one token', async () => {
    const first = await withKey('a10', { ...body, name: 'a10' });
    const again = await withKey('a10', { role: 'reader', name: 'a10' });
    expect([first.status, first.headers.get('idempotency-replayed')]).toEqual([201, null]);
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([201, 'true']);
    expect(again.text).toBe(first.text);
    for (const header of ['location', 'cache-control', 'content-type']) {
      expect(again.headers.get(header)).toBe(first.headers.get(header));
    }
    expect(Number(await countOf('a10'))).toBe(1);
    expect((await me(again.body.token)).status).toBe(200);
    expect(await auditOf(first.body.id)).toHaveLength(1);
  });

  it('A11 the same key with another body is refused, and makes none', async () => {
    expect((await withKey('a11')).status).toBe(201);
    for (const json of [
      { ...body, name: 'a11' },
      { name: 'a11', scopes: ['tracks:read', 'imports:read'] },
    ]) {
      expectProblem(await withKey('a11', json), 'idempotency-key-reused', '/v1/tokens');
    }
    expect(Number(await countOf('a11'))).toBe(0);
  });

  it('is per caller', async () => {
    const other = await holder(['tokens:admin', 'tracks:read', 'imports:read']);
    const [mine, theirs] = [await withKey('shared'), await withKey('shared', body, other)];
    expect([mine.status, theirs.status]).toEqual([201, 201]);
    expect(theirs.body.id).not.toBe(mine.body.id);
  });

  it('a refused call leaves the key free', async () => {
    expect((await withKey('free', { name: 'x' })).status).toBe(400);
    expect((await withKey('free', { ...body, expiresAt: '2020-01-01T00:00:00Z' })).status).toBe(400);
    expect((await withKey('free')).status).toBe(201);
  });

  it('A13 a key of another form is refused', async () => {
    for (const key of ['', 'x'.repeat(256), 'x'.repeat(10_000), 'a b', 'a\tb', 'é']) {
      const answer = await withKey(key, { ...body, name: 'a13' });
      expectProblem(answer, 'invalid-request', '/v1/tokens');
      expect(answer.body.errors).toEqual([{ field: 'Idempotency-Key', message: expect.any(String) }]);
    }
    const json = JSON.stringify({ ...body, name: 'a13' });
    const raw = async (fields: string) => {
      const head = `POST /v1/tokens HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${service.tokens.admin}\r\nContent-Type: application/json\r\nContent-Length: ${json.length}\r\n`;
      const { answers } = await sendRaw(service.url, [`${head}${fields}\r\n${json}`]);
      return answers.map(({ status }) => status);
    };
    for (const fields of [
      'Idempotency-Key: 🎵\r\n',
      'Idempotency-Key: a\u0001b\r\n',
      'Idempotency-Key: a\u007f\r\n',
      'Idempotency-Key:\r\n',
      'Idempotency-Key: a\r\nIdempotency-Key: a\r\n',
    ]) {
      expect(await raw(fields)).toEqual([400]);
    }
    expect(Number(await countOf('a13'))).toBe(0);
    for (const key of ['!', 'x'.repeat(255), '"quoted"']) expect((await withKey(key)).status).toBe(201);
  });
});

describe('GET /v1/tokens', () => {
  it('pages through all tokens, oldest first, and shows no text or hash', async () => {
    for (let n = 0; n < 5; n++) await create({ name: `page ${n}`, role: 'reader' });
    const seen: { id: string; createdAt: string }[] = [];
    let path: string | null = '/v1/tokens?limit=3';
    while (path !== null) {
      const page: Answer = await service.call('GET', path);
      expect(page.status).toBe(200);
      expect(page.text).not.toMatch(/dwx_\w{5}|[Hh]ash|[0-9a-f]{64}/);
      expect(page.body.items.length).toBeLessThanOrEqual(3);
      seen.push(...page.body.items);
      const next = page.body.nextCursor as string | null;
      expect(page.headers.get('link')).toBe(
        next === null ? null : `</v1/tokens?limit=3&cursor=${next}>; rel="next"`,
      );
      path = next === null ? null : `/v1/tokens?limit=3&cursor=${next}`;
    }
    const all = (await service.call('GET', '/v1/tokens?limit=200')).body.items as typeof seen;
    expect(seen).toEqual(all);
    expect(new Set(seen.map(({ id }) => id)).size).toBe(seen.length);
    expect(seen.map(({ createdAt }) => createdAt)).toEqual(seen.map(({ createdAt }) => createdAt).sort());
  });

  it.each(['limit=0', 'limit=201', 'cursor=x', 'cursor=', 'role=admin', 'name=x'])(
    'refuses ?%s',
    async (query) => {
      expectProblem(await service.call('GET', `/v1/tokens?${query}`), 'invalid-request', '/v1/tokens');
    },
  );

  it('has an ETag for one token', async () => {
    const { body } = await create({ name: 'tagged', role: 'reader' });
    const etag = (await read(body.id)).headers.get('etag') ?? '';
    const again = await service.call('GET', `/v1/tokens/${body.id}`, { headers: { 'if-none-match': etag } });
    expect(again.status).toBe(304);
  });
});

describe('S15 the id of a token', () => {
  const ids = [UNKNOWN, 'x', '%00', 'tok_%F0%9F%8E%B5', 'x'.repeat(300), '%27%20OR%201=1', 'constructor'];
  it.each(ids)('%s that nobody has is 404 on every call', async (id) => {
    for (const answer of [
      await read(id),
      await rotate(id),
      await rotate(id, { overlapSeconds: 5 }),
      await revoke(id),
    ]) {
      expectProblem(answer, 'not-found');
    }
  });

  it('tells who may not administer tokens nothing, be there such a token or not', async () => {
    const { body } = await create({ name: 'not yours', role: 'reader' });
    const text = await holder(SCOPES.filter((scope) => scope !== 'tokens:admin'));
    for (const [method, rest] of [
      ['GET', ''],
      ['DELETE', ''],
      ['POST', '/rotate'],
    ] as const) {
      const [there, unknown] = await Promise.all(
        [body.id as string, UNKNOWN].map((id) =>
          service.call(method, `/v1/tokens/${id}${rest}`, { token: text }),
        ),
      );
      expect([there?.status, unknown?.status]).toEqual([403, 403]);
      const strip = (answer: Answer | undefined) => ({ ...answer?.body, requestId: '', instance: '' });
      expect(strip(there)).toEqual(strip(unknown));
    }
    expect((await me(body.token)).status).toBe(200);
  });
});

describe('DELETE /v1/tokens/{id}', () => {
  it('refuses the token from the next call on, and says 204 again', async () => {
    const { body } = await create({ name: 'to revoke', role: 'reader' });
    for (let call = 0; call < 3; call++) expect((await me(body.token)).status).toBe(200);
    expect((await revoke(body.id)).status).toBe(204);
    expectProblem(await me(body.token), 'unauthenticated', '/v1/me');
    const first = (await read(body.id)).body;
    expect(Date.parse(first.revokedAt)).toBeGreaterThan(Date.now() - 60_000);
    expect((await revoke(body.id)).status).toBe(204);
    expect((await read(body.id)).body).toEqual(first);
    expect((await auditOf(body.id)).map(({ event }) => event)).toEqual(['token.created', 'token.revoked']);
  });

  it('ends the overlap of a rotation too', async () => {
    const { body } = await create({ name: 'overlap', role: 'reader' });
    const rotated = await rotate(body.id, { overlapSeconds: 600 });
    expect((await me(body.token)).status).toBe(200);
    await revoke(body.id);
    expect([(await me(body.token)).status, (await me(rotated.body.token)).status]).toEqual([401, 401]);
  });
});

describe('POST /v1/tokens/{id}/rotate', () => {
  it('gives a new text under the same id, and ends the old one at once', async () => {
    const { body } = await create({ name: 'to rotate', role: 'editor' });
    expect((await me(body.token)).status).toBe(200);
    for (const json of [undefined, {}, { overlapSeconds: 0 }]) {
      const before = (await read(body.id)).body;
      const rotated = await rotate(body.id, json);
      expect(rotated.status).toBe(201);
      expect(rotated.headers.get('location')).toBe(`/v1/tokens/${body.id}`);
      expect(rotated.headers.get('cache-control')).toBe('no-store');
      expect(rotated.body).toEqual({ ...body, token: expect.stringMatching(TEXT) });
      expect((await read(body.id)).body).toEqual({ ...before, hint: rotated.body.token.slice(0, 8) });
      expect((await me(body.token)).status).toBe(401);
      expect((await me(rotated.body.token)).body).toMatchObject({ subject: body.id });
      body.token = rotated.body.token;
    }
  });

  it('lets the old text be used until the overlap ends', async () => {
    const { body } = await create({ name: 'overlap', role: 'reader' });
    const startedMs = Date.now();
    const rotated = await rotate(body.id, { overlapSeconds: 3 });
    const old = await me(body.token);
    expect([old.status, (await me(rotated.body.token)).status]).toEqual([200, 200]);
    expect(Date.parse(old.body.expiresAt)).toBeGreaterThanOrEqual(startedMs + 3_000);
    expect((await me(rotated.body.token)).body.expiresAt).toBeNull();
    await new Promise((resolve) => setTimeout(resolve, Date.parse(old.body.expiresAt) - Date.now() + 20));
    expect([(await me(body.token)).status, (await me(rotated.body.token)).status]).toEqual([401, 200]);
  });

  it('lets one text overlap at a time: the one before it ends', async () => {
    const { body } = await create({ name: 'twice', role: 'reader' });
    const second = await rotate(body.id, { overlapSeconds: 600 });
    const third = await rotate(body.id, { overlapSeconds: 600 });
    const texts = [body.token, second.body.token, third.body.token];
    expect(await Promise.all(texts.map(async (text) => (await me(text)).status))).toEqual([401, 200, 200]);
    await rotate(body.id);
    expect(await Promise.all(texts.map(async (text) => (await me(text)).status))).toEqual([401, 401, 401]);
  });

  it('does not prolong the token: both texts end with it', async () => {
    const expiresAt = new Date(Date.now() + 600_000).toISOString();
    const { body } = await create({ name: 'ends', role: 'reader', expiresAt });
    const rotated = await rotate(body.id, { overlapSeconds: 604_800 });
    for (const text of [body.token, rotated.body.token])
      expect((await me(text)).body).toMatchObject({ expiresAt });
  });

  it('S14 gives nobody the text of a token wider than their own', async () => {
    const { body } = await create({ name: 'wide', role: 'admin' });
    const text = await holder(['tokens:admin']);
    const answer = await rotate(body.id, {}, text);
    expectProblem(answer, 'insufficient-scope', `/v1/tokens/${body.id}/rotate`);
    expect(answer.headers.get('www-authenticate')).toMatch(/scope="tracks:read tracks:write .*ops:read"$/);
    expect((await me(body.token)).status).toBe(200);
    // To take away is no grant.
    expect((await service.call('DELETE', `/v1/tokens/${body.id}`, { token: text })).status).toBe(204);
  });

  it('is a conflict for a token that is revoked or has expired', async () => {
    const revoked = (await create({ name: 'revoked', role: 'reader' })).body;
    await revoke(revoked.id);
    const expired = await tokens.create('expired', ['tracks:read'], new Date(Date.now() - 1));
    for (const id of [revoked.id, expired.token.id]) {
      expectProblem(await rotate(id, { overlapSeconds: 60 }), 'conflict', `/v1/tokens/${id}/rotate`);
    }
  });

  it('of several at once, none is given a text that another has ended already', async () => {
    const { body } = await create({ name: 'race', role: 'reader' });
    const answers = await Promise.all(Array.from({ length: 8 }, () => rotate(body.id)));
    const good = answers.filter(({ status }) => status === 201);
    for (const answer of answers) if (answer.status !== 201) expectProblem(answer, 'conflict');
    expect(good.length).toBeGreaterThanOrEqual(1);
    const statuses = await Promise.all(good.map(async (each) => (await me(each.body.token)).status));
    expect(statuses.filter((status) => status === 200)).toHaveLength(1);
    expect(await auditOf(body.id)).toHaveLength(1 + good.length);
  });

  it('lets a caller rotate the token it calls by', async () => {
    const own = (await create({ name: 'own', scopes: ['tokens:admin'] })).body;
    const rotated = await rotate(own.id, undefined, own.token);
    expect([rotated.status, (await me(own.token)).status]).toEqual([201, 401]);
    expect((await me(rotated.body.token)).status).toBe(200);
  });

  it.each([-1, 604_801, 1.5, '60', null, Number.MAX_SAFE_INTEGER])(
    'refuses an overlap of %p',
    async (overlapSeconds) => {
      const { body } = await create({ name: 'x', role: 'reader' });
      const answer = await rotate(body.id, { overlapSeconds });
      expectProblem(answer, 'invalid-request', `/v1/tokens/${body.id}/rotate`);
      expectProblem(await rotate(body.id, { overlap: 1 }), 'invalid-request');
      expect((await me(body.token)).status).toBe(200);
    },
  );
});

describe('S17 an encoded path of the token calls', () => {
  it.each(['/v1/%74okens', '/%76%31/tokens', '/v1/tokens%3Flimit=1'])(
    '%s is decided as its plain form',
    async (path) => {
      for (const token of [null, service.tokens.reader]) {
        const field = token === null ? '' : `Authorization: Bearer ${token}\r\n`;
        const { answers } = await sendRaw(service.url, [`GET ${path} HTTP/1.1\r\nHost: x\r\n${field}\r\n`]);
        const decided = path.includes('%3F') ? [404] : [token === null ? 401 : 403];
        expect(answers.map(({ status }) => status)).toEqual(decided);
      }
    },
  );
});

it('audits changes: what, by whom, from where; nothing for what was refused', async () => {
  const admin = (await create({ name: 'auditor', role: 'admin' })).body;
  const headers = {
    'user-agent': `curl/8 ${admin.token} eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln`,
    'x-request-id': 'audit-1',
  };
  const made = (await create({ name: 'audited', role: 'operator' }, { token: admin.token, headers })).body;
  await create({ name: 'audited', role: 'king' }, { token: admin.token, headers });
  await rotate(made.id, { overlapSeconds: 60 });
  await revoke(made.id);
  const events = await auditOf(made.id);
  const by = {
    actor: `api-token:${admin.id}`,
    address: '127.0.0.1',
    userAgent: 'curl/8 dwx_… eyJ…',
    requestId: 'audit-1',
  };
  expect(events.sort((a, b) => a.event.localeCompare(b.event))).toMatchObject([
    { event: 'token.created', ...by, details: { name: 'audited', scopes: ['ops:read'], expiresAt: null } },
    { event: 'token.revoked', address: '127.0.0.1', details: { name: 'audited' } },
    { event: 'token.rotated', address: '127.0.0.1', details: { name: 'audited', overlapSeconds: 60 } },
  ]);
  for (const { at } of events) expect(Math.abs(at.getTime() - Date.now())).toBeLessThan(60_000);
});

it('records the last use of a token at most once a minute, beside the call', async () => {
  const { body } = await create({ name: 'used', role: 'reader' });
  const writes = jest.spyOn(ApiTokensRepository.prototype, 'recordUse');
  expect((await read(body.id)).body.lastUsedAt).toBeNull();
  for (let call = 0; call < 20; call++) await me(body.token);
  const mine = () => writes.mock.calls.filter(([id]) => id === body.id);
  expect(mine()).toHaveLength(1);
  const first = (await read(body.id)).body.lastUsedAt as string;
  expect(Math.abs(Date.parse(first) - Date.now())).toBeLessThan(60_000);

  // Another replica, which knows of no use yet, writes nothing within the minute.
  const rows = service.app.get(ApiTokensRepository);
  const soon = new Date(Date.parse(first) + 59_000);
  await rows.recordUse(body.id, soon, new Date(soon.getTime() - 60_000));
  expect((await read(body.id)).body.lastUsedAt).toBe(first);
  const later = new Date(Date.parse(first) + 61_000);
  await rows.recordUse(body.id, later, new Date(later.getTime() - 60_000));
  expect((await read(body.id)).body.lastUsedAt).toBe(later.toISOString());

  // One that fails harms nobody.
  writes.mockRejectedValue(new Error('the database is gone'));
  const other = (await create({ name: 'unlucky', role: 'reader' })).body;
  expect((await me(other.token)).status).toBe(200);
  writes.mockRestore();
});

describe('S12 what a token costs', () => {
  it('in use, no query of its own; a fake, none at all; an unknown one, one', async () => {
    const dataSource = service.app.get(DataSource);
    const rows = service.app.get(ApiTokensRepository);
    const { body } = await create({ name: 'hot', role: 'reader' });
    await me(body.token);
    await rows.readVersion(); // and with it, the last use is written
    const start = () => countQueriesOfCalls(dataSource);
    let all = start();
    const sought = jest.spyOn(rows, 'findByHash');
    const versions = jest.spyOn(rows, 'readVersion');
    for (let call = 0; call < 100; call++) expect((await me(body.token)).status).toBe(200);
    expect(sought).not.toHaveBeenCalled();
    expect(all.count).toBe(versions.mock.calls.length);
    expect(versions.mock.calls.length).toBeLessThanOrEqual(10); // one in 1.5 s, on a machine however slow

    all.stop();
    all = start();
    const fake = `${body.token.slice(0, -1)}${body.token.endsWith('A') ? 'B' : 'A'}`;
    for (let call = 0; call < 100; call++) expect((await me(fake)).status).toBe(401);
    expect(all.count).toBe(0);

    const unknown = makeTokenText();
    for (let call = 0; call < 50; call++) expect((await me(unknown)).status).toBe(401);
    expect(sought).toHaveBeenCalledTimes(1);
    all.stop();
    for (const spy of [sought, versions]) spy.mockRestore();
  });
});

// Last: it looks for what all the tests above may have left.
it('S13 the database holds no text of a token', async () => {
  const { body } = await create(
    { name: 'dumped', role: 'reader' },
    { headers: { 'idempotency-key': 'dump' } },
  );
  const rotated = (await rotate(body.id, { overlapSeconds: 600 })).body;
  const dump = await dumpDatabase(service.database);
  expect(dump).toContain('"dumped"');
  expect(dump).toContain('sealed_answer');
  assertNoSecret(
    { 'the database': dump },
    { ...service.tokens, created: body.token, rotated: rotated.token },
  );
  expect(dump).not.toMatch(/dwx_[0-9A-Za-z]{9}/);
});
