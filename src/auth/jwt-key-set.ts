import { type CryptoKey, importJWK, type JWK } from 'jose';
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { type JwtAlgorithm, keyId } from './jwt-header';

/** A public key of the provider, and the one algorithm that it verifies. */
export interface JwtKey {
  /** Null where the provider does not name it. */
  readonly kid: string | null;
  readonly alg: JwtAlgorithm;
  readonly key: CryptoKey;
  /** Equal for equal keys of equal name. */
  readonly fingerprint: string;
}

/** RFC 7518, section 3.3. */
const LEAST_RSA_BITS = 2048;
/** Keys tried for one token: the one in use, the next and the last one, and as many again. */
const MAX_CANDIDATES = 6;

const keySet = z.object({ keys: z.array(z.unknown()) });

/** Public, and meant for signatures as far as it says what it is for (RFC 7517, section 4). */
const common = {
  kid: keyId.optional(),
  use: z.literal('sig').optional(),
  key_ops: z
    .array(z.string())
    .refine((operations) => operations.includes('verify'))
    .optional(),
  d: z.undefined().optional(),
};
/** At most 8192 bits: a larger number would make every check slow. */
const number = z.string().regex(/^[\w-]{1,1366}$/);

/**
 * One key, one algorithm (RFC 8725, section 3.1). A key that does not name its own gets the usual one of its kind: RSA is RS256, so that
 * PS256 has to be said.
 */
const usableKey = z.discriminatedUnion('kty', [
  z.object({
    ...common,
    kty: z.literal('RSA'),
    alg: z.enum(['RS256', 'PS256']).default('RS256'),
    n: number,
    e: number,
  }),
  z.object({
    ...common,
    kty: z.literal('EC'),
    alg: z.literal('ES256').default('ES256'),
    crv: z.literal('P-256'),
    x: number,
    y: number,
  }),
  z.object({
    ...common,
    kty: z.literal('OKP'),
    alg: z.literal('EdDSA').default('EdDSA'),
    crv: z.literal('Ed25519'),
    x: number,
  }),
]);

/**
 * The keys of a JWKS document that can verify tokens here. Keys of other kinds are passed over, as RFC 7517 section 5 asks.
 * @throws Error where it is no JWKS document at all
 */
export async function readKeySet(document: unknown): Promise<JwtKey[]> {
  const parsedSet = keySet.safeParse(document);
  if (!parsedSet.success) throw new Error('what should be a JWKS document has no list of keys');
  const keys: JwtKey[] = [];
  for (const each of parsedSet.data.keys) {
    const parsed = usableKey.safeParse(each);
    if (!parsed.success) continue;
    const key = await importPublic(parsed.data);
    const fingerprint = createHash('sha256').update(JSON.stringify(parsed.data)).digest('base64url');
    if (key === null || keys.some((other) => other.fingerprint === fingerprint)) continue;
    keys.push({ kid: parsed.data.kid ?? null, alg: parsed.data.alg, key, fingerprint });
  }
  return keys;
}

/**
 * The keys that a token can mean: by name and algorithm; without a name, all of its algorithm. A name is optional (RFC 7515 section
 * 4.1.4) and two keys may share one (RFC 7517 section 4.5), so each of them is to be tried (RFC 7515 appendix D). None where
 * there are more than a provider needs: every one costs a check of the signature.
 */
export function findKeys(keys: readonly JwtKey[], kid: string | null, alg: JwtAlgorithm): JwtKey[] {
  const meant = keys.filter((key) => key.alg === alg && (kid === null || key.kid === kid));
  return meant.length <= MAX_CANDIDATES ? meant : [];
}

/** Null where the numbers are no key, or a weak one. */
async function importPublic({ d: _, ...jwk }: z.output<typeof usableKey>): Promise<CryptoKey | null> {
  try {
    const key = (await importJWK(jwk as JWK, jwk.alg)) as CryptoKey;
    const bits = 'modulusLength' in key.algorithm ? Number(key.algorithm.modulusLength) : Infinity;
    return bits >= LEAST_RSA_BITS ? key : null;
  } catch {
    return null;
  }
}
