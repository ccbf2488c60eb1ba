import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import fresh from 'fresh';
import type { IncomingHttpHeaders } from 'node:http';
import { varyBy } from './cors';

/** What clients may revalidate: the API proper, and its description. */
const CONDITIONAL_ROUTES = /^\/(v1\/|openapi\.json$)/;
/** Kept by the caller alone, and asked for again each time. */
export const REVALIDATED = 'private, no-cache';
/** What answers depend on. */
export const VARYING = 'Accept, Authorization';

/**
 * Whether a caller has this already. `If-None-Match` is compared alone: `fresh` would let a request's `Cache-Control: no-cache`,
 * which `fetch` adds by itself, switch it off.
 */
export function hasAlready(headers: IncomingHttpHeaders, etag: string): boolean {
  const noneMatch = headers['if-none-match']?.trim();
  return noneMatch !== undefined && fresh({ 'if-none-match': noneMatch }, { etag });
}

/** RFC 9110 section 13, as a hook `onSend`: a strong ETag over the body, and 304 where the caller has it already. */
export function answerConditionally(
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
  done: (error: Error | null, payload?: unknown) => void,
): void {
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  if (
    !isRead ||
    reply.statusCode !== 200 ||
    typeof payload !== 'string' ||
    !CONDITIONAL_ROUTES.test(request.routeOptions.url ?? '')
  ) {
    done(null, payload);
    return;
  }
  const etag =
    (reply.getHeader('etag') as string | undefined) ??
    `"${createHash('sha1').update(payload).digest('base64url')}"`;
  reply.header('etag', etag).header('cache-control', REVALIDATED);
  varyBy(reply, VARYING);
  if (hasAlready(request.headers, etag)) {
    reply.status(304).removeHeader('content-type').removeHeader('content-length');
    // Of HEAD, Fastify drops the body itself, and fails where there is none to drop.
    done(null, request.method === 'HEAD' ? payload : null);
    return;
  }
  done(null, payload);
}
