import cors from '@fastify/cors';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

const PREFLIGHT_KEPT_S = 600;
/** What scripts of pages may read of an answer. */
const EXPOSED_HEADERS = [
  'Content-Disposition',
  'Content-Location',
  'ETag',
  'Idempotency-Replayed',
  'Link',
  'Location',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'WWW-Authenticate',
  'X-Request-Id',
];

/** What an answer has of CORS where no page of another origin asks, as flat fields; `Vary` apart. */
export const FIELDS_WITHOUT_ORIGIN = ['access-control-expose-headers', EXPOSED_HEADERS.join(', ')] as const;

/** Lets pages of these origins call from a browser. Tokens go in a header, so no credentials mode is needed. */
export function allowOrigins(server: FastifyInstance, origins: readonly string[]): void {
  void server.register(cors, {
    origin: [...origins],
    methods: ['GET', 'HEAD', 'POST', 'DELETE'],
    allowedHeaders: [
      'Accept',
      'Authorization',
      'Content-Type',
      'Idempotency-Key',
      'If-None-Match',
      'Last-Event-ID',
      'X-Request-Id',
      'traceparent',
      'tracestate',
    ],
    exposedHeaders: EXPOSED_HEADERS,
    maxAge: PREFLIGHT_KEPT_S,
    credentials: false,
  });
}

/** Whether a browser asks if it may send a call: answered by the plugin, without a token. */
export function isPreflight({ method, headers }: FastifyRequest): boolean {
  return (
    method === 'OPTIONS' &&
    headers.origin !== undefined &&
    headers['access-control-request-method'] !== undefined
  );
}

/** Adds names to `Vary`, where CORS may have put `Origin` already. */
export function varyBy(reply: FastifyReply, names: string): void {
  const before = reply.getHeader('vary');
  reply.header('vary', typeof before === 'string' ? `${before}, ${names}` : names);
}
