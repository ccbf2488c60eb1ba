import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { generateKeyPairSync } from 'node:crypto';
import { findKeys, readKeySet } from './jwt-key-set';

const publicJwk = async (alg: string): Promise<JWK> => exportJWK((await generateKeyPair(alg)).publicKey);

let rsa: JWK;
let ec: JWK;
let ed: JWK;
beforeAll(async () => {
  [rsa, ec, ed] = await Promise.all([publicJwk('RS256'), publicJwk('ES256'), publicJwk('EdDSA')]);
});

const algorithmsOf = async (...keys: unknown[]): Promise<string[]> =>
  (await readKeySet({ keys })).map(({ alg }) => alg);

it('gives each key one algorithm: its own, or the usual one of its kind', async () => {
  expect(await algorithmsOf(rsa, ec, ed)).toEqual(['RS256', 'ES256', 'EdDSA']);
  expect(await algorithmsOf({ ...rsa, alg: 'PS256' })).toEqual(['PS256']);
});

it('passes over what is not meant for signatures of ours', async () => {
  const secret = { kty: 'oct', k: 'c2VjcmV0LXNlY3JldC1zZWNyZXQ', alg: 'HS256', kid: 'x' };
  const others: unknown[] = [
    { ...rsa, use: 'enc' },
    { ...rsa, use: 1 },
    { ...rsa, key_ops: ['sign'] },
    { ...rsa, key_ops: [] },
    { ...rsa, alg: 'RS512' },
    { ...rsa, alg: 'RSA-OAEP' },
    { ...rsa, alg: 'ES256' },
    { ...ec, alg: 'RS256' },
    { ...ec, crv: 'P-384' },
    { ...ed, alg: 'ES256' },
    { ...ed, crv: 'X25519' },
    { ...rsa, kid: 'x'.repeat(257) },
    { ...rsa, kid: 7 },
    { ...rsa, n: 'AQAB' },
    { ...rsa, n: 'not/base64url' },
    { ...rsa, n: 'x'.repeat(1400) },
    { ...ec, x: 'AAAA' },
    secret,
    { kty: 'AKP', alg: 'ML-DSA-44', pub: 'AAAA' },
    null,
    'key',
    [],
  ];
  expect(await algorithmsOf(...others)).toEqual([]);
  expect(await algorithmsOf(...others, { ...ed, key_ops: ['verify'], use: 'sig' })).toEqual(['EdDSA']);
});

it('takes no private key: whoever published it has lost it', async () => {
  for (const alg of ['RS256', 'ES256', 'EdDSA']) {
    const { privateKey } = await generateKeyPair(alg, { extractable: true });
    expect(await algorithmsOf(await exportJWK(privateKey))).toEqual([]);
  }
});

it('takes no RSA key of less than 2048 bits', async () => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 1024 });
  expect(await algorithmsOf(publicKey.export({ format: 'jwk' }))).toEqual([]);
});

it('finds the keys by name and algorithm that a token can mean', async () => {
  const [other, third] = [await publicJwk('RS256'), await publicJwk('RS256')];
  const keys = await readKeySet({
    keys: [
      { ...rsa, kid: 'a' },
      { ...rsa, kid: 'a' }, // the same key twice is one key
      { ...ec, kid: 'a' },
      { ...other, kid: 'b' },
      { ...third, kid: 'b' },
    ],
  });
  expect(keys).toHaveLength(4);
  expect(findKeys(keys, 'a', 'RS256')).toEqual([keys[0]]);
  expect(findKeys(keys, 'a', 'ES256')).toEqual([keys[1]]);
  expect(findKeys(keys, 'a', 'PS256')).toEqual([]);
  expect(findKeys(keys, 'b', 'RS256')).toEqual([keys[2], keys[3]]); // two of one name
  expect(findKeys(keys, 'c', 'RS256')).toEqual([]);
  expect(findKeys(keys, null, 'ES256')).toEqual([keys[1]]);
  expect(findKeys(keys, null, 'RS256')).toEqual([keys[0], keys[2], keys[3]]); // without a name, all of the algorithm
});

it('finds none among more keys than a provider needs', async () => {
  const jwks = await Promise.all(Array.from({ length: 7 }, () => publicJwk('ES256')));
  const keys = await readKeySet({ keys: jwks });
  expect(findKeys(keys, null, 'ES256')).toEqual([]);
  expect(findKeys(keys.slice(1), null, 'ES256')).toHaveLength(6);
});

it.each([null, {}, { keys: {} }, { keys: 'x' }, [], 'text'])('%j is no JWKS document', async (document) => {
  await expect(readKeySet(document)).rejects.toThrow('has no list of keys');
});
