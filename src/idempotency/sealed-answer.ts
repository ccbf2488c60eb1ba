import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';

/** What a call answered the first time, as far as it is sent again. */
export interface StoredAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** As JSON has it. */
  readonly body: unknown;
}

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const PURPOSE = 'deadwax idempotent answer';

/** The name under which a call is kept. It tells neither caller nor key. */
export function callIdOf(callerId: string, operation: string, key: string): string {
  return createHash('sha256')
    .update(JSON.stringify([callerId, operation, key]))
    .digest('hex');
}

/**
 * Encrypts an answer, which may hold the text of a token, by a key that is derived from the caller's `Idempotency-Key`
 * (HKDF-SHA-256, AES-256-GCM). Only who sends that key again can have it opened: docs/decisions/0007.
 */
export function sealAnswer(key: string, callId: string, answer: StoredAnswer): string {
  const salt = randomBytes(SALT_BYTES);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, deriveKey(key, salt), nonce).setAAD(Buffer.from(callId));
  const text = Buffer.concat([cipher.update(JSON.stringify(answer), 'utf8'), cipher.final()]);
  return Buffer.concat([salt, nonce, cipher.getAuthTag(), text]).toString('base64');
}

/** @throws Error where it was sealed by another key, for another call, or was changed since */
export function openAnswer(key: string, callId: string, sealed: string): StoredAnswer {
  const bytes = Buffer.from(sealed, 'base64');
  let at = 0;
  const take = (length: number) => bytes.subarray(at, (at += length));
  const [salt, nonce, tag] = [take(SALT_BYTES), take(NONCE_BYTES), take(TAG_BYTES)];
  const decipher = createDecipheriv(CIPHER, deriveKey(key, salt), nonce, { authTagLength: TAG_BYTES })
    .setAAD(Buffer.from(callId))
    .setAuthTag(tag);
  const text = Buffer.concat([decipher.update(bytes.subarray(at)), decipher.final()]).toString('utf8');
  return JSON.parse(text) as StoredAnswer; // authenticated: it is what we sealed
}

function deriveKey(key: string, salt: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', key, salt, PURPOSE, KEY_BYTES));
}
