import { z } from 'zod';
import type { Caller } from './caller';
import { JwtRefusal } from './jwt-refusal';
import { SCOPES } from './scopes';

/** How far the provider's clock may be off. */
export const JWT_SKEW_SECONDS = 60;

/** Seconds since 1970, up to the year 9999: a number beyond would be a moment that no `Date` can hold. */
const moment = z.number().min(0).max(253_402_300_799);
/** RFC 6749 section 3.3 and OpenID Connect Core section 2; printable, so that it can go into a log. */
const subject = z.string().regex(/^[\x20-\x7e]{1,255}$/);

/** `cnf` binds a token to a key of its holder, which is not checked here: such a token is no bearer token (RFC 9449, section 7.1). */
const claims = z.object({
  sub: subject,
  exp: moment,
  nbf: moment.optional(),
  iat: moment.optional(),
  scope: z.string().optional(),
  scp: z.union([z.string(), z.array(z.string())]).optional(),
  cnf: z.undefined().optional(),
});

/** Of a token of the type `JWT`: what ID tokens carry and access tokens do not, and how Keycloak names its kinds of tokens. */
const untyped = z.object({
  nonce: z.undefined().optional(),
  at_hash: z.undefined().optional(),
  c_hash: z.undefined().optional(),
  s_hash: z.undefined().optional(),
  typ: z.string().toLowerCase().pipe(z.literal('bearer')).optional(),
});

/**
 * Who the caller is, by claims whose signature, issuer, audience, `exp` and `nbf` were checked.
 *
 * An ID token has the same signature and issuer, and with some providers the same audience and type. A token of the type
 * `JWT` is an access token where it has scopes and nothing of an ID token (RFC 8725, sections 3.11 and 3.12).
 * @throws JwtRefusal
 */
export function readJwtClaims(payload: unknown, isTypedAccessToken: boolean, nowMs: number): Caller {
  const parsed = claims.safeParse(payload);
  if (!parsed.success) {
    throw new JwtRefusal(`claim: ${String(parsed.error.issues[0]?.path[0] ?? 'not an object')}`);
  }
  const { sub, exp, iat, scope, scp } = parsed.data;
  if (iat !== undefined && iat > Math.floor(nowMs / 1000) + JWT_SKEW_SECONDS) {
    throw new JwtRefusal('claim: iat in the future');
  }
  const granted = scope ?? scp;
  if (!isTypedAccessToken && (granted === undefined || !untyped.safeParse(payload).success)) {
    throw new JwtRefusal('of the type JWT, and not plainly an access token');
  }
  const names = new Set(typeof granted === 'string' ? granted.split(' ') : granted);
  return {
    subject: sub,
    kind: 'jwt',
    scopes: SCOPES.filter((each) => names.has(each)),
    expiresAt: new Date(exp * 1000),
  };
}
