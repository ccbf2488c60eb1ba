import { z } from 'zod';
import { AppError } from '../common/app-error';
import type { Caller } from './caller';
import { type Scope, SCOPES } from './scopes';

const MAX_NAME = 200;

/** The text that a token replaces may be used on for a week at most. */
export const MAX_OVERLAP_SECONDS = 7 * 86_400;

/** What a token may be called, over HTTP and on the command line. */
export const tokenName = z
  .string()
  .refine(
    (text) => text.trim() !== '' && text.length <= 2 * MAX_NAME && Array.from(text).length <= MAX_NAME,
    `must have 1 to ${MAX_NAME} characters, not all of them blank`,
  )
  // Neither control characters and line ends, nor halves of a character, which no engine can keep.
  .refine((text) => !/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u.test(text), 'must have no control characters');

/** A later moment, as an offset can make of the year 9999, has a year of five digits, which no timestamp can tell (RFC 3339). */
const LAST_MOMENT_MS = Date.UTC(9999, 11, 31, 23, 59, 59, 999);

const TIME_RULE = 'must be a time as in 2027-01-31T12:00:00Z';

/** A time with an offset, over HTTP and on the command line. `t` and `z` may be small (RFC 3339 section 5.6). */
export const expiryTime = z
  .string({ error: TIME_RULE })
  .overwrite((text) => text.toUpperCase())
  .check(z.iso.datetime({ offset: true, error: TIME_RULE }))
  .refine((text) => Date.parse(text) <= LAST_MOMENT_MS, 'must not be after the year 9999');

/** Each scope once, in the order of the contract. */
export function normaliseScopes(scopes: readonly Scope[]): Scope[] {
  return SCOPES.filter((scope) => scopes.includes(scope));
}

/**
 * Nobody hands out a scope that they lack, be it in a new token or by the new text of an old one.
 * @throws AppError `insufficient-scope`, naming what is lacking
 */
export function requireScopes(caller: Caller, scopes: readonly Scope[]): void {
  const lacking = scopes.filter((scope) => !caller.scopes.includes(scope));
  if (lacking.length === 0) return;
  const named = lacking.join(' ');
  throw new AppError('insufficient-scope', `A token with ${named} is given only by who has that scope.`, {
    headers: {
      'www-authenticate': `Bearer realm="deadwax", error="insufficient_scope", scope="${named}"`,
    },
  });
}

/** @throws AppError `invalid-request` for a moment that has passed */
export function requireFuture(expiresAt: Date | null, now: Date): void {
  if (expiresAt === null || expiresAt > now) return;
  const message = 'must be in the future';
  throw new AppError('invalid-request', `expiresAt: ${message}`, {
    fields: [{ field: 'expiresAt', message }],
  });
}
