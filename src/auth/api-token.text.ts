import { createHash, randomInt } from 'node:crypto';
import { crc32 } from 'node:zlib';

const PREFIX = 'dwx_';
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** log2(62) × 32 = 190 random bits; the hint shows 4 of these characters, 166 bits stay secret. */
const RANDOM_LENGTH = 32;
const CHECK_LENGTH = 6;
const HINT_LENGTH = PREFIX.length + 4;
const FORM = new RegExp(`^${PREFIX}[0-9A-Za-z]{${RANDOM_LENGTH + CHECK_LENGTH}}$`);

/** A new token's text: prefix, random characters, and a CRC-32 in base 62 over both. */
export function makeTokenText(): string {
  const random = Array.from({ length: RANDOM_LENGTH }, () =>
    ALPHABET.charAt(randomInt(ALPHABET.length)),
  ).join('');
  return PREFIX + random + checkOf(PREFIX + random);
}

/** Whether a text can be a token issued here: typing errors and most fakes fail without a look into the database. */
export function isTokenText(text: string): boolean {
  return FORM.test(text) && text.endsWith(checkOf(text.slice(0, -CHECK_LENGTH)));
}

/** Whether a text begins as tokens issued here do: with a wrong checksum it is mistyped or a fake, and nothing else. */
export function claimsToBeOurs(text: string): boolean {
  return text.startsWith(PREFIX);
}

/** What is stored in place of a token. The text is random enough that a plain hash cannot be searched backwards. */
export function hashToken(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** The part of a text that is kept to tell tokens apart. Shorter for texts made elsewhere, which may be no longer than 32. */
export function hintOf(text: string): string {
  return isTokenText(text) ? text.slice(0, HINT_LENGTH) : `${text.slice(0, 2)}…`;
}

function checkOf(text: string): string {
  let rest = crc32(text);
  let check = '';
  while (check.length < CHECK_LENGTH) {
    check = ALPHABET.charAt(rest % ALPHABET.length) + check;
    rest = Math.floor(rest / ALPHABET.length);
  }
  return check;
}
