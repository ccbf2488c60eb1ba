import type { FastifyReply, FastifyRequest } from 'fastify';
import { Readable } from 'node:stream';

/**
 * Sends text as it is made: never faster than the client reads, and no further once it is gone. What fails in between breaks the
 * connection off, so that nobody takes a part for the whole.
 */
export function streamText(
  request: FastifyRequest,
  reply: FastifyReply,
  headers: Readonly<Record<string, string>>,
  parts: () => AsyncIterable<string>,
): Readable {
  void reply.headers({ 'cache-control': 'private, no-store', ...headers });
  if (request.method === 'HEAD') return Readable.from([]);
  return Readable.from(parts(), { objectMode: false, highWaterMark: 64 * 1024 });
}

/** The headers of a file to be kept under a name. */
export function fileHeaders(contentType: string, name: string): Record<string, string> {
  return { 'content-type': contentType, 'content-disposition': `attachment; filename="${name}"` };
}

export const CSV_TYPE = 'text/csv; charset=utf-8; header=present';
export const NDJSON_TYPE = 'application/x-ndjson; charset=utf-8';
