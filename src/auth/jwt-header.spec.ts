import fc from 'fast-check';
import { MAX_JWT_CHARACTERS, readJwtHeader } from './jwt-header';
import { JwtRefusal } from './jwt-refusal';

const encode = (part: unknown): string => Buffer.from(JSON.stringify(part)).toString('base64url');
const withHeader = (header: unknown): string => `${encode(header)}.e30.c2ln`;
const GOOD = { alg: 'RS256', typ: 'at+jwt', kid: 'k1' };

function reasonOf(text: string): string {
  try {
    readJwtHeader(text);
  } catch (error) {
    if (error instanceof JwtRefusal) return error.reason;
    throw error;
  }
  return 'accepted';
}

describe('readJwtHeader', () => {
  it.each(['RS256', 'PS256', 'ES256', 'EdDSA'])('accepts %s', (alg) => {
    expect(readJwtHeader(withHeader({ ...GOOD, alg }))).toEqual({ alg, kid: 'k1', isTypedAccessToken: true });
  });

  it.each(['none', 'None', 'HS256', 'HS512', 'RS384', 'RS512', 'ES384', 'ES256K', 'rs256', 'RSA-OAEP', '', 1, null])(
    'refuses the algorithm %j',
    (alg) => {
      expect(reasonOf(withHeader({ ...GOOD, alg }))).toBe('header: alg');
    },
  ); // prettier-ignore

  it.each([
    ['at+jwt', true],
    ['AT+JWT', true],
    ['application/at+jwt', true],
    ['Application/At+JWT', true],
    ['JWT', false],
    ['jwt', false],
  ])('reads the type %s', (typ, isTypedAccessToken) => {
    expect(readJwtHeader(withHeader({ ...GOOD, typ }))).toMatchObject({ isTypedAccessToken });
  });

  it.each(['JOSE', 'id+jwt', 'logout+jwt', 'secevent+jwt', 'dpop+jwt', 'at+jwt ', '', 1, null, undefined])(
    'refuses the type %j',
    (typ) => {
      expect(reasonOf(withHeader({ ...GOOD, typ }))).toBe('header: typ');
    },
  );

  it.each(['jku', 'jwk', 'x5u', 'x5c', 'crit'])('refuses a header with %s, whatever it holds', (name) => {
    for (const value of ['https://evil.example/keys', {}, [], ['exp'], null, '', 0, false]) {
      expect(reasonOf(withHeader({ ...GOOD, [name]: value }))).toBe(`header: ${name}`);
    }
  });

  it('does not mind what it does not use', () => {
    expect(reasonOf(withHeader({ ...GOOD, x5t: 'abc', 'x5t#S256': 'abc', cty: 'x', other: 1 }))).toBe(
      'accepted',
    );
  });

  it('takes a key id of 1 to 256 printable characters, or none', () => {
    for (const kid of [
      'x',
      'x'.repeat(256),
      '../../dev/null',
      "'OR'1'='1",
      'https://evil.example/',
      undefined,
    ]) {
      expect(readJwtHeader(withHeader({ ...GOOD, kid })).kid).toBe(kid ?? null);
    }
    for (const kid of ['', 'x'.repeat(257), 'a b', 'a\0b', 'ü', 1, null, {}]) {
      expect(reasonOf(withHeader({ ...GOOD, kid }))).toBe('header: kid');
    }
  });

  it('takes three parts of canonical base64url and nothing else', () => {
    const [header = '', claims = '', signature = ''] = withHeader(GOOD).split('.');
    for (const text of [
      `${header}.${claims}`,
      `${header}.${claims}.`,
      `${header}..${signature}`,
      `.${claims}.${signature}`,
      `${header}.${claims}.${signature}.`,
      `${header}.${claims}.${signature}.x.y`,
      `${header}=.${claims}.${signature}`,
      `${header}.${claims}.c2l+`,
      `${header}.${claims}.c2l/`,
      `${header}.${claims}.c2lu\n`,
      `${header}.${claims}.c2k_c2k_c`,
      // The last character's spare bits set: another text for the same bytes.
      `${header}.${claims}.c2lnbb`,
    ]) {
      expect([text, reasonOf(text)]).toEqual([text, 'not three parts of base64url']);
    }
    for (const part of ['bm90IGpzb24', encode('text'), encode([]), encode(null)]) {
      expect(reasonOf(`${part}.${claims}.${signature}`)).toMatch(/^header: (not JSON|not an object|alg)$/);
    }
  });

  it('takes 16 KiB at most', () => {
    const start = withHeader(GOOD);
    expect(reasonOf(start + 'A'.repeat(MAX_JWT_CHARACTERS))).toBe('too long');
  });

  it('refuses any text by a refusal, never by another error', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.json().map((json) => withHeader(JSON.parse(json))),
        ),
        (text) => {
          expect(reasonOf(text)).not.toBe('accepted');
        },
      ),
    );
  });
});
