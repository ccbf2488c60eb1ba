import { createHash } from 'node:crypto';
import { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';

/** An answer before it is put on the wire; header names in lower case. */
export interface Reply {
  status: number;
  headers: Record<string, string>;
  body: string;
}

const MOST_BODY_BYTES = 65_536;
// Proxies leave short bodies alone; a recorded 17-byte 429 was not packed (fixtures/errors.json).
const LEAST_PACKED_BYTES = 128;

/** A 200 with JSON and the caching headers of October 2026 (spotify-api.md 4.4). */
export function jsonReply(value: unknown): Reply {
  const body = JSON.stringify(value);
  const mcEtag = `"${createHash('md5').update(body).digest('hex')}"`;
  return {
    status: 200,
    headers: {
      'content-type': 'application/json; charset=utf-8',
      'cache-control': 'public, max-age=0',
      etag: `"MC-${Buffer.from(mcEtag).toString('base64')}"`,
      'mc-etag': mcEtag,
      'mc-cache-policy': 'public',
      'mc-cache-ttl': '7200',
    },
    body,
  };
}

/** What the edge adds to each answer of the API host (spotify-api.md 4.4). */
export function withEdgeHeaders(reply: Reply, edgeMs: number): Reply {
  return {
    ...reply,
    headers: {
      server: 'envoy',
      via: 'HTTP/2 edgeproxy, 1.1 google',
      'alt-svc': 'h3=":443"; ma=2592000,h3-29=":443"; ma=2592000',
      'server-timing': `edge;dur=${edgeMs}`,
      'strict-transport-security': 'max-age=31536000',
      'x-content-type-options': 'nosniff',
      'x-robots-tag': 'noindex, nofollow',
      vary: 'Accept-Encoding',
      ...reply.headers,
    },
  };
}

/** Turns a 200 into a 304 without a body when the caller holds this version (RFC 9110, 13.1.2: weak comparison). */
export function conditional(request: IncomingMessage, reply: Reply): Reply {
  const held = request.headers['if-none-match'];
  const etag = reply.headers['etag'];
  if (held === undefined || etag === undefined || reply.status !== 200) return reply;
  const names = held.split(',').map((name) => name.trim().replace(/^W\//, ''));
  if (!names.includes(etag) && !names.includes('*')) return reply;
  const { 'content-type': _dropped, ...headers } = reply.headers;
  return { status: 304, headers, body: '' };
}

/** Writes the whole answer, compressed when the caller takes gzip. */
export function send(request: IncomingMessage, response: ServerResponse, reply: Reply): void {
  if (response.destroyed) return;
  if (reply.status === 304) {
    response.writeHead(304, reply.headers).end();
    return;
  }
  const packed = reply.body.length >= LEAST_PACKED_BYTES && acceptsGzip(request.headers['accept-encoding']);
  const bytes = packed ? gzipSync(reply.body) : Buffer.from(reply.body);
  response.writeHead(reply.status, {
    ...reply.headers,
    ...(packed ? { 'content-encoding': 'gzip' } : {}),
    'content-length': String(bytes.length),
  });
  response.end(bytes);
}

function acceptsGzip(header: string | string[] | undefined): boolean {
  return String(header ?? '')
    .split(',')
    .some((coding) => /^\s*(gzip|\*)\s*(;|$)/.test(coding) && !/;\s*q=0(\.0*)?\s*$/.test(coding));
}

/** The text of a request; what is beyond 64 KiB is dropped. */
export async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= MOST_BODY_BYTES) chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
