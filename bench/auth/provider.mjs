/** Keys and tokens of an identity provider, and its JWKS on loopback. */
import { createServer } from 'node:http';
import { generateKeyPairSync, sign } from 'node:crypto';

const ISSUER = 'https://idp.bench.example';
const AUDIENCE = 'https://deadwax.bench.example';

const KEYS = {
  RS256: { pair: generateKeyPairSync('rsa', { modulusLength: 2048 }), hash: 'sha256' },
  ES256: { pair: generateKeyPairSync('ec', { namedCurve: 'P-256' }), hash: 'sha256' },
  EdDSA: { pair: generateKeyPairSync('ed25519'), hash: null },
};

const encode = (part) => Buffer.from(JSON.stringify(part)).toString('base64url');

/** A good token; each `number` gives another one. */
export function makeToken(alg, number) {
  const { pair, hash } = KEYS[alg];
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: ISSUER,
    aud: AUDIENCE,
    sub: 'bench-client',
    client_id: 'bench-client',
    jti: `bench-${number}`,
  };
  const text = `${encode({ alg, typ: 'at+jwt', kid: alg })}.${encode({
    ...claims,
    scope: 'tracks:read tracks:write',
    iat: now,
    exp: now + 7200,
  })}`;
  const key = { key: pair.privateKey, dsaEncoding: 'ieee-p1363' };
  return `${text}.${sign(hash, Buffer.from(text), key).toString('base64url')}`;
}

/** Serves the keys, and tells the settings by which Deadwax trusts them. */
export async function serveKeys() {
  const keys = Object.entries(KEYS).map(([alg, { pair }]) => ({
    ...pair.publicKey.export({ format: 'jwk' }),
    kid: alg,
    alg,
    use: 'sig',
  }));
  const server = createServer((_, response) => response.end(JSON.stringify({ keys })));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.unref();
  return {
    AUTH_JWT_ISSUER: ISSUER,
    AUTH_JWT_AUDIENCE: AUDIENCE,
    AUTH_JWKS_URL: `http://127.0.0.1:${server.address().port}/keys`,
  };
}
