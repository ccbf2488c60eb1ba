import type { FastifyReply, FastifyRequest } from 'fastify';
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { AppError } from './app-error';

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 200;
const CHECK_LENGTH = 16;

/** The query parameters of every list. */
export const pageQuery = {
  // Unknown rather than text, so that the description can say what it is for the caller: a number.
  limit: z
    .unknown()
    .refine((text) => typeof text === 'string' && /^[1-9]\d{0,2}$/.test(text) && Number(text) <= MAX_LIMIT, {
      error: `must be a whole number from 1 to ${MAX_LIMIT}`,
    })
    .transform(Number)
    .default(DEFAULT_LIMIT)
    .describe('How many items at most.')
    .meta({ type: 'integer', minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT }),
  cursor: z
    .string()
    .min(1, 'must not be empty')
    .max(4000, 'is not a cursor of this list')
    .optional()
    .describe('Where to go on: `nextCursor` of the page before.'),
};

/** Query of calls that take none: an unknown parameter is named, not ignored. */
export const noQuery = z.strictObject({});

/** Body of calls that take none. */
export const noBody = z.strictObject({}).nullish();

/** One page of a list, and where the next begins; null at the end. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly nextCursor: string | null;
}

/** A page whose items have cursors of their own. */
export interface CursoredPage<T> extends Page<T> {
  /** Where the list goes on behind the item at this place. */
  readonly cursorOf: (place: number) => string;
}

/** Which page of a list is asked for. */
export interface PageRequest {
  readonly limit: number;
  readonly cursor: string | undefined;
}

/**
 * Cuts a page out of rows that were read one beyond `limit`, so that the end of the list is known without a count.
 * `list` names the list and its filters: a cursor is good for the list that gave it alone.
 */
export function toPage<Row, Item>(
  rows: readonly Row[],
  limit: number,
  list: string,
  keyOf: (row: Row) => readonly (string | number)[],
  toItem: (row: Row, place: number) => Item,
): CursoredPage<Item> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    items: shown.map(toItem),
    nextCursor: rows.length > limit && last !== undefined ? encodeCursor(list, keyOf(last)) : null,
    cursorOf: (place) => encodeCursor(list, keyOf(shown[place] as Row)),
  };
}

/** Tells where the next page is, as RFC 8288 has it: the same query with the new cursor. */
export function linkNext(request: FastifyRequest, reply: FastifyReply, { nextCursor }: Page<unknown>): void {
  if (nextCursor === null) return;
  const url = new URL(request.url, 'http://relative');
  url.searchParams.set('cursor', nextCursor);
  void reply.header('link', `<${url.pathname}${url.search}>; rel="next"`);
}

/** The key of the last row shown, opaque to clients, with a check that ties it to its list. */
export function encodeCursor(list: string, key: readonly (string | number)[]): string {
  const text = JSON.stringify(key);
  return Buffer.from(checkOf(list, text) + text).toString('base64url');
}

/**
 * Reads a cursor back; `key` is the schema of what this list puts into it.
 * The check catches cursors that were edited, cut, or come from another list or filter; it is no secret, since a cursor
 * is a place in a list and grants nothing.
 * @throws AppError `invalid-request`
 */
export function decodeCursor<Key>(list: string, cursor: string, key: z.ZodType<Key>): Key {
  const decoded = Buffer.from(cursor, 'base64url').toString('utf8');
  const text = decoded.slice(CHECK_LENGTH);
  if (decoded.slice(0, CHECK_LENGTH) === checkOf(list, text) && isCanonical(cursor, decoded)) {
    const parsed = key.safeParse(parseOrNull(text));
    if (parsed.success) return parsed.data;
  }
  const message = 'is not a cursor of this list with these filters';
  throw new AppError('invalid-request', `cursor: ${message}`, { fields: [{ field: 'cursor', message }] });
}

/** The check is no secret: whoever makes a cursor can sign anything. */
function parseOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Buffer ignores what is not base64url: a cursor with something added would else pass for the real one. */
function isCanonical(cursor: string, decoded: string): boolean {
  return Buffer.from(decoded).toString('base64url') === cursor;
}

function checkOf(list: string, text: string): string {
  return createHash('sha256').update(`${list}\n${text}`).digest('base64url').slice(0, CHECK_LENGTH);
}
