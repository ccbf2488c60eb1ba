import { readJwtClaims } from './jwt-claims';
import { JwtRefusal } from './jwt-refusal';

const NOW_MS = Date.UTC(2026, 10, 22);
const NOW = NOW_MS / 1000;
const GOOD = { sub: 'a-client', exp: NOW + 600, iat: NOW, scope: 'tracks:read' };

const read = (claims: object, isTyped = true) => readJwtClaims({ ...GOOD, ...claims }, isTyped, NOW_MS);
function reasonOf(claims: object, isTyped = true): string {
  try {
    read(claims, isTyped);
  } catch (error) {
    if (error instanceof JwtRefusal) return error.reason;
    throw error;
  }
  return 'accepted';
}

it('makes a caller of the claims', () => {
  expect(read({ jti: 'x', anything: {} })).toEqual({
    subject: 'a-client',
    kind: 'jwt',
    scopes: ['tracks:read'],
    expiresAt: new Date(NOW_MS + 600_000),
  });
});

describe('scopes', () => {
  it.each<[string, object, string[]]>([
    ['text', { scope: 'tracks:read ops:read' }, ['tracks:read', 'ops:read']],
    ['in any order, once each', { scope: 'ops:read tracks:read ops:read' }, ['tracks:read', 'ops:read']],
    ['others passed over', { scope: 'openid profile tracks:write admin *' }, ['tracks:write']],
    ['scp as text', { scope: undefined, scp: 'tracks:read ops:read' }, ['tracks:read', 'ops:read']],
    ['scp as a list', { scope: undefined, scp: ['tracks:read', 'x'] }, ['tracks:read']],
    ['an entry of a list is one scope', { scope: undefined, scp: ['tracks:read ops:read'] }, []],
    ['scope before scp', { scope: 'tracks:read', scp: ['tokens:admin'] }, ['tracks:read']],
    ['none', { scope: '' }, []],
    ['none at all', { scope: undefined }, []],
    ['compared exactly', { scope: 'Tracks:Read tracks tracks: tracks:* tracks:reader xtracks:read' }, []],
    ['parted by spaces alone', { scope: 'tracks:read\tops:read,tracks:write' }, []],
    ['not from roles, permissions or groups', { scope: undefined, roles: ['tracks:read'], permissions: ['tracks:read'] }, []],
  ])('%s', (_, claims, scopes) => {
    expect(read(claims).scopes).toEqual(scopes);
  }); // prettier-ignore

  it.each([{ scope: ['tracks:read'] }, { scope: 1 }, { scope: null }, { scp: [1] }, { scp: { a: 1 } }])(
    'refuses %j',
    (claims) => {
      expect(reasonOf(claims)).toMatch(/^claim: sc/);
    },
  );
});

describe('S05 moments', () => {
  it.each([
    ['exp', [undefined, null, String(NOW + 600), NaN, Infinity, -1, 1e13, true, [NOW + 600]]],
    ['nbf', [null, String(NOW), Infinity, -1, {}]],
    ['iat', [null, String(NOW), Infinity, -1, {}]],
  ])('%s is a number of a moment that there is', (name, values) => {
    for (const value of values)
      expect([value, reasonOf({ [name]: value })]).toEqual([value, `claim: ${name}`]);
    expect(reasonOf({ [name]: 253_402_300_799.5 - 1 })).toMatch(/accepted|future/);
  });

  it('iat may be a minute ahead, and may be missing', () => {
    expect(reasonOf({ iat: NOW + 60 })).toBe('accepted');
    expect(reasonOf({ iat: undefined })).toBe('accepted');
    expect(reasonOf({ iat: NOW + 61 })).toBe('claim: iat in the future');
  });
});

describe('the subject', () => {
  it.each(['x', 'x'.repeat(255), 'auth0|6553da60', 'abc@clients', 'CN=Royalty Team'])('%s', (sub) => {
    expect(read({ sub }).subject).toBe(sub);
  });
  it.each(['', 'x'.repeat(256), 'a\nb', 'a\u001b[31m', 'ä', '\u202e', 7, null, undefined, ['x']])(
    'not %j',
    (sub) => {
      expect(reasonOf({ sub })).toBe('claim: sub');
    },
  );
});

describe('S07 a token of the type JWT', () => {
  it('is an access token where it has scopes', () => {
    for (const claims of [{}, { scope: '' }, { scope: undefined, scp: 'x' }, { typ: 'Bearer' }]) {
      expect(reasonOf(claims, false)).toBe('accepted');
    }
  });

  it.each([
    { scope: undefined },
    { nonce: 'n' },
    { nonce: null },
    { at_hash: 'x' },
    { c_hash: 'x' },
    { s_hash: 'x' },
    { typ: 'ID' },
    { typ: 'Refresh' },
    { typ: 1 },
  ])('is none with %j', (claims) => {
    expect(reasonOf(claims, false)).toBe('of the type JWT, and not plainly an access token');
    expect(reasonOf(claims, true)).toBe('accepted');
  });
});

it('a token that is bound to a key of its holder is no bearer token', () => {
  expect(reasonOf({ cnf: { jkt: 'x' } })).toBe('claim: cnf');
});
