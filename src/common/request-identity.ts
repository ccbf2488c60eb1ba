import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** The call being served, for whoever writes a log line on its way. */
export const currentCall = new AsyncLocalStorage<{ readonly requestId: string }>();

/** The request id of an incoming request: the caller's own where it is well-formed, else a new one. */
export function requestIdOf(request: Pick<IncomingMessage, 'headers'>): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && /^[A-Za-z0-9._-]{1,128}$/.test(given) ? given : randomUUID();
}

/**
 * The trace id of a valid `traceparent` header, else null (W3C Trace Context, section 3.2: lower case, no all-zero
 * ids, version ff refused, more fields allowed in versions above 00 only).
 */
export function traceIdOf(request: Pick<IncomingMessage, 'headers'>): string | null {
  const given = request.headers['traceparent'];
  if (typeof given !== 'string' || given.length > 512) return null;
  const match = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$/.exec(given);
  if (match === null) return null;
  const [, version, traceId = '', parentId = '', rest] = match;
  const isRefused = version === 'ff' || (version === '00' && rest !== undefined);
  return isRefused || /^0+$/.test(traceId) || /^0+$/.test(parentId) ? null : traceId;
}
