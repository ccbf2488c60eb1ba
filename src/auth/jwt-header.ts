import { z } from 'zod';
import { JwtRefusal } from './jwt-refusal';

/** Signatures that are accepted: asymmetric ones alone, so that what verifies cannot sign (RFC 8725, section 3.1). */
export const JWT_ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA'] as const;
export type JwtAlgorithm = (typeof JWT_ALGORITHMS)[number];

/** More than any provider sends, and than the header of a request may hold. */
export const MAX_JWT_CHARACTERS = 16 * 1024;

/** What a key may be called: a name to compare with, never a path, an address or a query. */
export const keyId = z.string().regex(/^[\x21-\x7e]{1,256}$/);

/**
 * `jku`, `jwk`, `x5u` and `x5c` bring or name a key to trust, `crit` demands what is not known here: no token with them is good
 * (RFC 8725, section 3.10). Others, such as Entra's `x5t`, say nothing that is used.
 */
const header = z.object({
  alg: z.enum(JWT_ALGORITHMS),
  typ: z
    .string()
    .toLowerCase()
    .pipe(z.enum(['at+jwt', 'application/at+jwt', 'jwt'])),
  kid: keyId.optional(),
  jku: z.undefined().optional(),
  jwk: z.undefined().optional(),
  x5u: z.undefined().optional(),
  x5c: z.undefined().optional(),
  crit: z.undefined().optional(),
});

export interface JwtHeader {
  readonly alg: JwtAlgorithm;
  /** Null where the token names no key. */
  readonly kid: string | null;
  /** Whether `typ` says that it is an access token (RFC 9068). `JWT` says nothing: the claims have to show it. */
  readonly isTypedAccessToken: boolean;
}

/**
 * Reads a token's header, before any work that costs: size, three parts in canonical base64url, and a header of the form accepted.
 * Nothing in it is trusted yet.
 * @throws JwtRefusal
 */
export function readJwtHeader(text: string): JwtHeader {
  if (text.length > MAX_JWT_CHARACTERS) throw new JwtRefusal('too long');
  const parts = text.split('.');
  if (parts.length !== 3 || !parts.every(isCanonical)) throw new JwtRefusal('not three parts of base64url');
  const parsed = header.safeParse(readJson(parts[0] ?? ''));
  if (!parsed.success) {
    throw new JwtRefusal(`header: ${String(parsed.error.issues[0]?.path[0] ?? 'not an object')}`);
  }
  const { alg, kid, typ } = parsed.data;
  return { alg, kid: kid ?? null, isTypedAccessToken: typ !== 'jwt' };
}

/** One text for one content: no padding, no line ends, no stray bits in the last character. */
function isCanonical(part: string): boolean {
  return part !== '' && Buffer.from(part, 'base64url').toString('base64url') === part;
}

function readJson(part: string): unknown {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
  } catch {
    throw new JwtRefusal('header: not JSON');
  }
}
