import { decodeProtectedHeader } from 'jose';
import { KEYS_COOLDOWN_MS } from '../../src/auth/jwt-keys';
import { OIDC_AUDIENCE, OidcProvider } from '../fakes/oidc/oidc-provider';
import { type Answer, startApp, type TestApp } from '../support/app';
import { expectProblem } from '../e2e/problem-check';

/* A real provider, asked as a client asks it, and rotated, stopped and started as its operator does. */

let provider: OidcProvider;
let service: TestApp;
/** How far the service's clock is ahead; the provider's own is right. */
let aheadMs = 0;

beforeAll(async () => {
  provider = await OidcProvider.start();
  service = await startApp({ AUTH_JWT_ISSUER: provider.issuer, AUTH_JWT_AUDIENCE: OIDC_AUDIENCE });
  const realNow = Date.now.bind(Date);
  jest.spyOn(Date, 'now').mockImplementation(() => realNow() + aheadMs);
});
afterAll(async () => {
  jest.restoreAllMocks();
  await service.stop();
  await provider.stop();
});

const me = (token: string): Promise<Answer> => service.call('GET', '/v1/me', { token });
const health = async () => {
  const { status, body } = await service.call('GET', '/health');
  // A loaded machine may make the event loop late, which is true and no matter of this suite.
  const { eventLoop, ...parts } = body.details as Record<string, { status: string }>;
  const worrying = Object.keys(parts).filter((name) => parts[name]?.status !== 'up');
  const overall = worrying.length === 0 && eventLoop?.status !== 'up' ? 'ok' : body.status;
  return { status, overall, worrying, provider: parts['identityProvider'] };
};

it('health tells of the provider before anybody came with its tokens', async () => {
  expect(await health()).toEqual({
    status: 200,
    overall: 'ok',
    worrying: [],
    provider: {
      status: 'up',
      keys: 1,
      keysAgeSeconds: expect.any(Number),
      lastSuccessAt: expect.stringMatching(/^\d{4}-.*Z$/),
      lastFailure: null,
    },
  });
});

it('a token by client credentials lets its client in, as far as its scopes go', async () => {
  const token = await provider.token('tracks:read ops:read');
  expect(decodeProtectedHeader(token)).toMatchObject({ alg: 'RS256', typ: 'at+jwt', kid: 'first' });
  const { status, body } = await me(token);
  expect([status, body]).toEqual([
    200,
    {
      subject: 'royalty-team',
      kind: 'jwt',
      scopes: ['tracks:read', 'ops:read'],
      expiresAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z$/),
    },
  ]);
  expect(Math.abs(Date.parse(body.expiresAt) - Date.now() - 600_000)).toBeLessThan(60_000);
  expect((await service.call('GET', '/v1/tracks', { token })).status).toBe(200);
  // Found good once, and known from then on.
  expect((await service.call('GET', '/metrics')).text).toMatch(/cache="jwts",result="hit"\} [1-9]/);
  const denied = await service.call('POST', '/v1/tracks', { token, json: { isrc: 'USWB10102873' } });
  expectProblem(denied, 'insufficient-scope', '/v1/tracks');
  expect(denied.headers.get('www-authenticate')).toBe(
    'Bearer realm="deadwax", error="insufficient_scope", scope="tracks:write"',
  );
  const writer = await provider.token('tracks:write');
  const created = await service.call('POST', '/v1/tracks', { token: writer, json: { isrc: 'USWB10102873' } });
  expect(created.status).toBe(201);
});

it('S10 the keys are rotated, the provider is down and comes back', async () => {
  const old = await provider.token('tracks:read');
  expect((await me(old)).status).toBe(200);

  await provider.rotateKeys('second');
  aheadMs += KEYS_COOLDOWN_MS;
  const token = await provider.token('tracks:read');
  expect((await me(token)).status).toBe(200);
  const refused = await me(old);
  expectProblem(refused, 'unauthenticated', '/v1/me');
  expect(refused.headers.get('www-authenticate')).toBe('Bearer realm="deadwax", error="invalid_token"');

  await provider.stop();
  aheadMs += 400_000; // the keys are due for a refresh
  expect((await me(token)).status).toBe(200);
  expect(await health()).toMatchObject({
    status: 200,
    overall: 'degraded',
    provider: {
      status: 'degraded',
      keys: 1,
      lastFailure: { message: expect.stringMatching(/ECONNREFUSED/) },
    },
  });
  expect((await me(token)).status).toBe(200);
  expect((await service.call('GET', '/health/ready', { token: null })).status).toBe(200);
  expect((await me(service.tokens.reader)).status).toBe(200);

  await provider.start();
  aheadMs += KEYS_COOLDOWN_MS;
  expect(await health()).toMatchObject({ status: 200, overall: 'ok', provider: { status: 'up', keys: 1 } });
  expect((await me(token)).status).toBe(200);
});
