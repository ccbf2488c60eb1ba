import { Logger } from '@nestjs/common';
import { exportSPKI, importJWK } from 'jose';
import { createHmac, KeyObject, sign } from 'node:crypto';
import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { AUDIENCE, forge, KeyServer, makeKey, type ProviderKey } from '../fakes/oidc/key-server';
import { type Answer, startApp, type TestApp } from '../support/app';
import { expectProblem } from '../e2e/problem-check';
import { sendRaw } from '../e2e/raw-http';

/* Tokens that are not good, sent to the whole app: each gets the same 401, and nothing is fetched for it. */

const INVALID = 'Bearer realm="deadwax", error="invalid_token"';
const NOW = Math.floor(Date.now() / 1000);

let provider: KeyServer;
let service: TestApp;
let keys: Record<'RS256' | 'PS256' | 'ES256' | 'EdDSA', ProviderKey>;
/** Listens where a token may point to, and is never to be called. */
let elsewhere: Server;
let elsewhereUrl: string;
let connections = 0;

beforeAll(async () => {
  provider = await KeyServer.start();
  keys = {
    RS256: await provider.addKey('RS256', 'rsa'),
    PS256: await provider.addKey('PS256', 'pss'),
    ES256: await provider.addKey('ES256', 'ec'),
    EdDSA: await provider.addKey('EdDSA', 'ed'),
  };
  service = await startApp(provider.environment());
  elsewhere = createServer((socket) => {
    connections++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => elsewhere.listen(0, '127.0.0.1', resolve));
  elsewhereUrl = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`;
  // The keys are there from now on: what is fetched after this is fetched because of a token.
  expect((await me(await provider.token(keys.RS256))).status).toBe(200);
});
afterAll(async () => {
  await service.stop();
  await provider.stop();
  await new Promise((resolve) => elsewhere.close(resolve));
});

const me = (token: string): Promise<Answer> => service.call('GET', '/v1/me', { token });

const bodies = new Set<string>();
/** The same answer for all, which does not tell what was wrong. */
async function expectRefused(token: string): Promise<void> {
  const answer = await me(token);
  expectProblem(answer, 'unauthenticated', '/v1/me');
  expect(answer.headers.get('www-authenticate')).toBe(INVALID);
  bodies.add(JSON.stringify({ ...answer.body, requestId: '' }));
  expect(bodies.size).toBe(1);
}

describe('good tokens', () => {
  it.each(['RS256', 'PS256', 'ES256', 'EdDSA'] as const)('%s', async (alg) => {
    const token = await provider.token(keys[alg]);
    for (let call = 0; call < 2; call++) expect((await me(token)).status).toBe(200);
  });

  it('without a key id, where one key can be meant', async () => {
    expect((await me(await provider.token(keys.ES256, {}, { kid: undefined }))).status).toBe(200);
  });

  it('of the type JWT with scopes, as Keycloak, Auth0 and Entra ID send them', async () => {
    const keycloak = {
      typ: 'Bearer',
      azp: 'client',
      scope: 'tracks:read email profile',
      aud: [AUDIENCE, 'account'],
    };
    const auth0 = { azp: 'client', gty: 'client-credentials', sub: 'client@clients', scope: 'tracks:read' };
    const entra = { ver: '2.0', oid: 'x', tid: 'x', scope: undefined, scp: 'tracks:read', nbf: NOW };
    for (const claims of [keycloak, auth0, entra]) {
      const answer = await me(await provider.token(keys.RS256, claims, { typ: 'JWT', x5t: 'abc' }));
      expect(answer).toMatchObject({ status: 200, body: { scopes: ['tracks:read'] } });
    }
  });

  it('without a scope of ours reach what any token may, and nothing else', async () => {
    const token = await provider.token(keys.RS256, { scope: 'openid email' });
    expect((await me(token)).body).toMatchObject({ kind: 'jwt', subject: 'a-client', scopes: [] });
    const denied = await service.call('GET', '/v1/tracks', { token });
    expectProblem(denied, 'insufficient-scope', '/v1/tracks');
    expect(denied.headers.get('www-authenticate')).toBe(
      'Bearer realm="deadwax", error="insufficient_scope", scope="tracks:read"',
    );
  });
});

describe('S02 a JWT elsewhere than in the header', () => {
  it('is not taken', async () => {
    const token = await provider.token(keys.RS256);
    const answer = await service.call('GET', `/v1/me?access_token=${token}`, { token: null });
    expectProblem(answer, 'unauthenticated', '/v1/me');
    expect(answer.text).not.toContain(token);
    const json = { isrc: 'USWB10102873', access_token: token };
    expectProblem(await service.call('POST', '/v1/tracks', { token: null, json }), 'unauthenticated');
  });
});

describe('S03 no signature', () => {
  it.each(['none', 'None', 'NONE', 'nOnE'])('alg %s, with and without a signature part', async (alg) => {
    const [, claims = '', signature = ''] = (await provider.token(keys.RS256)).split('.');
    for (const header of [
      { alg, typ: 'at+jwt' },
      { alg, typ: 'at+jwt', kid: 'rsa' },
      { alg, typ: 'JWT' },
    ]) {
      const first = Buffer.from(JSON.stringify(header)).toString('base64url');
      for (const last of ['', signature, 'AAAA']) await expectRefused(`${first}.${claims}.${last}`);
    }
  });

  it('the signature taken off, emptied, or of another token', async () => {
    const [first = '', second = '', third = ''] = (await provider.token(keys.RS256)).split('.');
    const other = (await provider.token(keys.RS256, { jti: 'other' })).split('.');
    for (const text of [`${first}.${second}`, `${first}.${second}.`, `${first}.${second}.${other[2]}`]) {
      await expectRefused(text);
    }
    await expectRefused(`${first}.${other[1]}.${third}`);
    await expectRefused(`${first}.${second}.${third}.`);
    // The last of the 342 characters holds two spare bits: another text for the same signature.
    const last = third.at(-1) ?? '';
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    await expectRefused(`${first}.${second}.${third.slice(0, -1)}${alphabet[alphabet.indexOf(last) ^ 1]}`);
  });
});

it('S04 HS256, HS384 and HS512 over the public key in every form', async () => {
  const secrets: (string | Buffer)[] = [''];
  for (const { jwk } of Object.values(keys)) {
    const key = await importJWK(jwk, jwk.alg, { extractable: true });
    const pem = await exportSPKI(key as Parameters<typeof exportSPKI>[0]);
    secrets.push(JSON.stringify(jwk), pem, pem.trim(), Buffer.from(pem.replace(/-----.*-----|\s/g, ''), 'base64'));
    if (jwk.n !== undefined) secrets.push(jwk.n, Buffer.from(jwk.n, 'base64url'));
  }
  const claims = (await provider.token(keys.RS256)).split('.')[1] ?? '';
  for (const [alg, hash] of [['HS256', 'sha256'], ['HS384', 'sha384'], ['HS512', 'sha512']] as const) {
    for (const kid of ['rsa', 'ec']) {
      const start = `${Buffer.from(JSON.stringify({ alg, typ: 'at+jwt', kid })).toString('base64url')}.${claims}`;
      for (const secret of secrets) {
        await expectRefused(`${start}.${createHmac(hash, secret).update(start).digest('base64url')}`);
      }
    }
  }
}); // prettier-ignore

it('S04 a key of the provider used with another algorithm, and a key of somebody else', async () => {
  const { RS256, PS256, ES256 } = keys;
  await expectRefused(await provider.token({ ...RS256, ...(await makeKey('PS256')), kid: RS256.kid }));
  await expectRefused(await provider.token({ ...(await makeKey('RS256')), kid: PS256.kid }));
  for (const alg of ['RS256', 'PS256', 'ES256', 'EdDSA'] as const) {
    await expectRefused(await provider.token({ ...(await makeKey(alg)), kid: keys[alg].kid }));
  }
  await expectRefused(await provider.token(ES256, {}, { kid: 'rsa' }));
  await expectRefused(await provider.token({ ...(await makeKey('ES384')), kid: 'ec' }));
});

describe('S05 moments', () => {
  it.each<[string, Record<string, unknown>]>([
    ['expired for more than the skew', { exp: NOW - 61 }],
    ['expired long ago', { exp: 1 }],
    ['exp missing', { exp: undefined }],
    ['exp null', { exp: null }],
    ['exp as text', { exp: String(NOW + 3600) }],
    ['exp as a list', { exp: [NOW + 3600] }],
    ['exp beyond every calendar', { exp: 1e300 }],
    ['exp below zero', { exp: -1 }],
    ['nbf ahead', { nbf: NOW + 3600 }],
    ['nbf as text', { nbf: String(NOW) }],
    ['iat ahead', { iat: NOW + 3600 }],
    ['iat as text', { iat: String(NOW) }],
  ])('%s', async (_, claims) => {
    await expectRefused(await provider.token(keys.RS256, claims));
  });

  it('a minute of skew is allowed', async () => {
    const claims = {
      exp: NOW + 3600,
      nbf: Math.floor(Date.now() / 1000) + 30,
      iat: Math.floor(Date.now() / 1000) + 30,
    };
    expect((await me(await provider.token(keys.RS256, claims))).status).toBe(200);
    const exp = Math.floor(Date.now() / 1000) - 5;
    const late = await me(await provider.token(keys.RS256, { exp }));
    expect(late).toMatchObject({ status: 200, body: { expiresAt: new Date(exp * 1000).toISOString() } });
  });

  it('a token that was good is refused once it is over, remembered or not', async () => {
    const exp = Math.floor(Date.now() / 1000) + 30;
    const token = await provider.token(keys.RS256, { exp });
    expect((await me(token)).status).toBe(200);
    const realNow = Date.now.bind(Date);
    const clock = jest.spyOn(Date, 'now').mockImplementation(() => realNow() + 60_000);
    try {
      expect((await me(token)).status).toBe(200); // within the skew
      clock.mockReturnValue((exp + 60) * 1000);
      await expectRefused(token);
      await expectRefused(token);
    } finally {
      clock.mockRestore();
    }
  });
});

describe('S06 issuer and audience', () => {
  it.each<[string, Record<string, unknown>]>([
    ['another issuer', { iss: 'https://evil.example' }],
    ['the issuer as a list', { iss: ['x'] }],
    ['no issuer', { iss: undefined }],
    ['another audience', { aud: 'https://other.example' }],
    ['a longer audience', { aud: `${AUDIENCE}/` }],
    ['a shorter audience', { aud: AUDIENCE.slice(0, -1) }],
    ['another case', { aud: AUDIENCE.toUpperCase() }],
    ['audiences in one text', { aud: `other ${AUDIENCE}` }],
    ['a list without ours', { aud: ['a', 'b'] }],
    ['an empty list', { aud: [] }],
    ['no audience', { aud: undefined }],
    ['an audience that is no text', { aud: { [AUDIENCE]: true } }],
  ])('%s is refused', async (_, claims) => {
    await expectRefused(await provider.token(keys.RS256, claims));
  });

  it('the issuer with a slash is another one', async () => {
    await expectRefused(await provider.token(keys.RS256, { iss: `${provider.issuer}/` }));
  });

  it('a list with ours is accepted', async () => {
    expect((await me(await provider.token(keys.RS256, { aud: ['other', AUDIENCE] }))).status).toBe(200);
  });
});

describe('S07 tokens that are not for access', () => {
  it.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    ['an ID token', { scope: undefined, nonce: 'n', at_hash: 'x' }, { typ: 'JWT' }],
    ['an ID token with a scope', { nonce: 'n' }, { typ: 'JWT' }],
    ['the right audience and no scope', { scope: undefined }, { typ: 'JWT' }],
    ['an ID token of Keycloak', { typ: 'ID' }, { typ: 'JWT' }],
    ['a logout token', { events: {} }, { typ: 'logout+jwt' }],
    ['an ID token by its type', {}, { typ: 'id+jwt' }],
    ['no type', {}, { typ: undefined }],
    ['a type that is no text', {}, { typ: 7 }],
    ['no subject', { sub: undefined }, {}],
    ['a subject of 10 KB', { sub: 'x'.repeat(5000) }, {}],
    ['a subject that breaks a line', { sub: 'a\nb' }, {}],
    ['scopes of another form', { scope: ['tracks:read'] }, {}],
    ['bound to a key of its holder', { cnf: { jkt: 'x' } }, {}],
  ])('%s', async (_, claims, header) => {
    await expectRefused(await provider.token(keys.RS256, claims, header));
  });

  it('AUTH_JWT_STRICT takes at+jwt alone', async () => {
    const strict = await startApp({ ...provider.environment(), AUTH_JWT_STRICT: 'true' });
    try {
      for (const [typ, status] of [['at+jwt', 200], ['application/at+jwt', 200], ['JWT', 401]] as const) {
        const token = await provider.token(keys.RS256, {}, { typ });
        expect([typ, (await strict.call('GET', '/v1/me', { token })).status]).toEqual([typ, status]);
      }
    } finally {
      await strict.stop();
    }
  }); // prettier-ignore
});

describe('S08 what a header asks us to trust', () => {
  it('kid as a path, a query, an address, 10 KB of text', async () => {
    const asked = provider.fetches;
    const kids = [
      ...['../../../../dev/null', '/etc/passwd', "x' UNION SELECT 'secret", '1;DROP TABLE api_token', '__proto__'],
      ...[`${elsewhereUrl}/keys`, 'file:///etc/passwd', '|id', '$(id)', '{{7*7}}', 'a\0b', '', 'x'.repeat(10_240)],
      ...[7, null, true, ['rsa'], { rsa: 1 }],
    ]; // prettier-ignore
    for (const kid of kids) await expectRefused(await forgedWith({ kid }));
    expect(connections).toBe(0);
    // The keys were fetched less than a cooldown ago, or are fetched once.
    expect(provider.fetches - asked).toBeLessThanOrEqual(1);
  });

  it('jku, x5u, jwk, x5c and crit, with the key that they bring', async () => {
    const own = await makeKey('RS256', 'rsa');
    const brought: Record<string, unknown>[] = [
      { jku: `${elsewhereUrl}/keys` },
      { jku: provider.jwksUrl },
      { x5u: `${elsewhereUrl}/certificate` },
      { jwk: own.jwk },
      { jwk: keys.RS256.jwk },
      { x5c: ['MIIB'] },
      { crit: ['exp'] },
      { crit: [] },
      { crit: ['b64'], b64: false },
      { jku: null },
    ];
    for (const header of brought) {
      await expectRefused(await signedBy(own, header));
      // Refused too where the provider itself signed it: what is not trusted is not passed over.
      await expectRefused(await signedBy(keys.RS256, header));
    }
    expect((await me(await signedBy(keys.RS256, {}))).status).toBe(200);
    expect(connections).toBe(0);
  });

  /** By hand: jose signs no `crit` that it does not know. */
  async function signedBy({ privateKey }: ProviderKey, header: Record<string, unknown>): Promise<string> {
    const claims = (await provider.token(keys.RS256)).split('.')[1] ?? '';
    const all = { alg: 'RS256', typ: 'at+jwt', kid: 'rsa', ...header };
    const text = `${Buffer.from(JSON.stringify(all)).toString('base64url')}.${claims}`;
    const signature = sign('sha256', Buffer.from(text), KeyObject.from(privateKey));
    return `${text}.${signature.toString('base64url')}`;
  }
  async function forgedWith(header: Record<string, unknown>): Promise<string> {
    const [, claims = '', signature = ''] = (await provider.token(keys.RS256)).split('.');
    const first = Buffer.from(JSON.stringify({ alg: 'RS256', typ: 'at+jwt', ...header })).toString(
      'base64url',
    );
    return `${first}.${claims}.${signature}`;
  }
});

describe('S11 large tokens', () => {
  it.each([100_000, 1_000_000])('of %i bytes do not get far', async (size) => {
    const token = forge({ alg: 'RS256', typ: 'at+jwt', kid: 'rsa', pad: 'x'.repeat(size) }, {}, 'AAAA');
    const { answers } = await sendRaw(service.url, [
      `GET /v1/me HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`,
    ]);
    expect(answers.map(({ status }) => status)).toEqual([431]);
  });

  it('one that just fits the header is refused, and a real one of 8 KB is not', async () => {
    await expectRefused(forge({ alg: 'RS256', typ: 'at+jwt', kid: 'x'.repeat(9000) }, {}, 'AAAA'));
    const groups = Array.from(
      { length: 150 },
      (_, at) => `00000000-0000-0000-0000-${String(at).padStart(12, '0')}`,
    );
    const token = await provider.token(keys.RS256, { groups });
    expect(token.length).toBeGreaterThan(7000);
    expect((await me(token)).status).toBe(200);
  });
});

it('S17 an encoded path is decided as the plain one', async () => {
  const ask = async (path: string, token: string) =>
    (
      await sendRaw(service.url, [
        `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`,
      ])
    ).answers[0]?.status;
  const reader = await provider.token(keys.RS256);
  const bad = forge({ alg: 'none', typ: 'at+jwt' }, {}, 'AAAA');
  for (const path of ['/v1/%6De', '/%76%31/me', '/v1/%74racks']) {
    expect([path, await ask(path, reader), await ask(path, bad)]).toEqual([path, 200, 401]);
  }
  for (const path of ['/%68ealth', '/healt%68']) expect([path, await ask(path, reader)]).toEqual([path, 403]);
});

it('forms that are almost a JWT are refused like all others', async () => {
  const token = await provider.token(keys.RS256);
  const [header = '', claims = '', signature = ''] = token.split('.');
  const almost = [
    ...[`${token}=`, `=${token}`, `${token}.a.b`, 'ey', 'ey..', 'ey.ey.ey', 'eyJ.eyJ.sig', '..', '.', `${header}..`],
    ...[`${header}.${claims}+.${signature}`, `${token},${token}`, `"${token}"`, token.toUpperCase(), `dwx_${token}`],
    ...[forge('text', {}, 'AAAA'), forge([], {}, 'AAAA'), forge(null, {}, 'AAAA'), forge({}, {}, 'AAAA')],
  ]; // prettier-ignore
  for (const text of almost) await expectRefused(text);
});

it('why a token was refused is in the log at debug, the token is not', async () => {
  const lines: unknown[] = [];
  const debug = jest.spyOn(Logger.prototype, 'debug').mockImplementation((...args: unknown[]) => {
    lines.push(args);
  });
  const token = await provider.token(keys.RS256, { aud: 'https://other.example' });
  await expectRefused(token);
  debug.mockRestore();
  expect(lines).toEqual([[{ reason: 'unexpected "aud" claim value' }, 'JWT refused']]);
});

it('without a provider in the settings, a JWT is an unknown token', async () => {
  const plain = await startApp();
  try {
    const answer = await plain.call('GET', '/v1/me', { token: await provider.token(keys.RS256) });
    expectProblem(answer, 'unauthenticated', '/v1/me');
    expect((await plain.call('GET', '/health')).text).not.toContain('identityProvider');
  } finally {
    await plain.stop();
  }
});

it('with a provider that was never reached: 503 to its tokens, and nothing of it to API tokens', async () => {
  const away = await KeyServer.start();
  const key = await makeKey('RS256', 'rsa');
  const token = await away.token(key);
  await away.stop();
  const lonely = await startApp(away.environment());
  try {
    const answer = await lonely.call('GET', '/v1/me', { token });
    expectProblem(answer, 'identity-provider-unavailable', '/v1/me');
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(answer.text).not.toContain('ECONNREFUSED');
    expect((await lonely.call('GET', '/v1/me')).status).toBe(200);
    const health = await lonely.call('GET', '/health');
    expect(health).toMatchObject({
      status: 200,
      body: {
        status: 'degraded',
        details: { identityProvider: { status: 'degraded', keys: 0, lastSuccessAt: null } },
      },
    });
    expect((await lonely.call('GET', '/health/ready', { token: null })).status).toBe(200);
  } finally {
    await lonely.stop();
  }
});
