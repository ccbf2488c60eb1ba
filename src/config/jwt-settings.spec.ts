import { parseSettings, SettingsError } from './settings';

const BOTH = { AUTH_JWT_ISSUER: 'https://idp.example/realms/x', AUTH_JWT_AUDIENCE: 'api://deadwax' };

const jwtOf = (environment: Record<string, string>) => parseSettings(environment).auth.jwt;
function faultsOf(environment: Record<string, string>): readonly string[] {
  try {
    parseSettings(environment);
  } catch (error) {
    if (error instanceof SettingsError) return error.faults;
    throw error;
  }
  return [];
}

describe('the identity provider in the settings', () => {
  it('is none unless told', () => {
    expect(jwtOf({})).toBeNull();
    expect(jwtOf({ AUTH_JWT_STRICT: 'true' })).toBeNull();
  });

  it('is an issuer and an audience, to the letter', () => {
    expect(jwtOf(BOTH)).toEqual({
      issuer: 'https://idp.example/realms/x',
      audience: 'api://deadwax',
      jwksUrl: null,
      isStrict: false,
    });
    const all = { AUTH_JWT_ISSUER: 'https://T.eu.auth0.com/', AUTH_JWKS_URL: 'https://keys.example/k?a=b' };
    expect(jwtOf({ ...BOTH, ...all, AUTH_JWT_STRICT: 'true' })).toEqual({
      issuer: 'https://T.eu.auth0.com/',
      audience: 'api://deadwax',
      jwksUrl: 'https://keys.example/k?a=b',
      isStrict: true,
    });
  });

  it.each<[Record<string, string>, RegExp]>([
    [{ AUTH_JWT_ISSUER: BOTH.AUTH_JWT_ISSUER }, /^AUTH_JWT_AUDIENCE is missing: the issuer and the audience/],
    [{ AUTH_JWT_AUDIENCE: 'x' }, /^AUTH_JWT_ISSUER is missing: the issuer and the audience/],
    [{ AUTH_JWKS_URL: 'https://idp.example/keys' }, /^AUTH_JWT_ISSUER and AUTH_JWT_AUDIENCE are missing/],
    [{ ...BOTH, AUTH_JWT_STRICT: 'yes' }, /^AUTH_JWT_STRICT must be true or false \(it is "yes"\)/],
    [{ ...BOTH, AUTH_JWT_AUDIENCE: 'a b' }, /^AUTH_JWT_AUDIENCE must be 1 to 255 characters of printable ASCII/],
    [{ ...BOTH, AUTH_JWT_AUDIENCE: 'x'.repeat(256) }, /^AUTH_JWT_AUDIENCE must be/],
    [{ ...BOTH, AUTH_BOOTSTRAP_TOKEN: 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2ln' }, /begins as a JWT does/],
  ])('%j is refused', (environment, fault) => {
    expect(faultsOf(environment)).toEqual([expect.stringMatching(fault)]);
  });

  it('a bootstrap token in the form of a JWT is no matter where there is no provider', () => {
    expect(faultsOf({ AUTH_BOOTSTRAP_TOKEN: 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2ln' })).toEqual([]);
  });

  it.each([
    'idp.example',
    'ftp://idp.example',
    'https://user:password@idp.example',
    'https://idp.example/?x',
    'https://idp.example/#x',
    'https://idp.example/a b',
    ' https://idp.example',
    'https://2130706433/',
    'https://0x7f.1//127.0.0.1/',
    'https:\\\\idp.example',
    'file:///etc/passwd',
  ])('the issuer %j is refused, without repeating it', (issuer) => {
    const faults = faultsOf({ ...BOTH, AUTH_JWT_ISSUER: issuer });
    expect(faults).toEqual([
      'AUTH_JWT_ISSUER must be an http or https address without query, fragment or credentials',
    ]);
  });

  it.each(['http://127.0.0.1:8080/x', 'http://[::1]:8080', 'http://localhost:8080/realms/x', 'http://127.9.9.9'])(
    '%s may be plain http, being this machine',
    (address) => {
      expect(faultsOf({ ...BOTH, AUTH_JWT_ISSUER: address })).toEqual([]);
      expect(faultsOf({ ...BOTH, AUTH_JWKS_URL: address })).toEqual([]);
    },
  );

  it.each(['http://idp.example/keys', 'http://10.0.0.1/keys', 'http://localhost.evil.example/', 'http://127.0.0.1.evil.example/'])(
    '%s may not: anybody on the way could put keys there',
    (address) => {
      expect(faultsOf({ ...BOTH, AUTH_JWKS_URL: address })).toEqual([
        expect.stringMatching(/^AUTH_JWKS_URL must be an https address/),
      ]);
      expect(faultsOf({ ...BOTH, AUTH_JWT_ISSUER: address })).toEqual([
        expect.stringMatching(/^AUTH_JWT_ISSUER must be https, or .* where AUTH_JWKS_URL is not set$/),
      ]);
      // Only compared, never called.
      expect(faultsOf({ ...BOTH, AUTH_JWT_ISSUER: address, AUTH_JWKS_URL: 'https://idp.example/keys' })).toEqual([]);
    },
  );

  it.each(['file:///etc/passwd', 'https://2130706433/', 'http://0x7f000001/', 'http://127.1/', 'https://a@b/', 'https://a/#b', 'keys'])(
    'the address of keys %j is refused',
    (address) => {
      expect(faultsOf({ ...BOTH, AUTH_JWKS_URL: address })).toEqual([
        expect.stringMatching(/^AUTH_JWKS_URL must be an https address/),
      ]);
    },
  );
}); // prettier-ignore
