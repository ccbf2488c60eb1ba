import type { Readable } from 'node:stream';
import { type Note, telemetry } from '../common/telemetry';
import { SourceError } from '../recording/recording-source';
import { type SpotifyAnswer, type SpotifyHost, timeoutFailure, transportFailure } from './spotify-failures';

/** A search page of ten tracks with all their markets has about 50 KiB. */
const MAX_BODY_BYTES = 5 * 1024 * 1024;

/** Of a failure only its code word and message are read. */
const MAX_FAILURE_BYTES = 64 * 1024;

/** A response whose body was not read yet. */
interface OpenResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly data: Readable;
}

/**
 * Runs one HTTP exchange under one deadline for all of it: waiting for a socket, connecting, headers and body, so that
 * a body that drips is cut as well. Any status is an answer.
 * @param cancel ends it early
 * @throws the reason of `cancel` where that ends it
 * @throws SourceTimeoutError at the deadline
 * @throws SpotifyOutageError where the connection fails or breaks
 * @throws SourceError where the answer cannot be decoded or is larger than 5 MiB
 */
export async function exchange(
  host: SpotifyHost,
  timeoutMs: number,
  send: (signal: AbortSignal, traceHeaders: Readonly<Record<string, string>>) => Promise<OpenResponse>,
  { cancel, ...what }: { method: 'GET' | 'POST'; url: string; cancel?: AbortSignal | undefined },
): Promise<SpotifyAnswer> {
  cancel?.throwIfAborted();
  const { hostname, pathname } = new URL(what.url);
  return telemetry.follow(
    {
      name: what.method,
      kind: 'client',
      attributes: {
        'http.request.method': what.method,
        'server.address': hostname,
        'url.full': what.url,
        'url.template': pathname.replace(/\/[0-9A-Za-z]{22}$/, '/{id}'),
        'peer.service': 'spotify',
      },
    },
    (note) =>
      exchangeNow(host, timeoutMs, (signal) => send(signal, telemetry.headersToPassOn()), { cancel, note }),
  );
}

async function exchangeNow(
  host: SpotifyHost,
  timeoutMs: number,
  send: (signal: AbortSignal) => Promise<OpenResponse>,
  { cancel, note }: { cancel: AbortSignal | undefined; note: Note },
): Promise<SpotifyAnswer> {
  cancel?.throwIfAborted();
  const deadline = new AbortController();
  const end = () => {
    deadline.abort();
  };
  const timer = setTimeout(end, timeoutMs);
  cancel?.addEventListener('abort', end);
  try {
    const { status, headers, data } = await send(deadline.signal);
    note({ 'http.response.status_code': status });
    const body = await readBody(host, status, data);
    return { status, retryAfter: headers['retry-after'], etag: headers['etag'], body };
  } catch (error) {
    cancel?.throwIfAborted();
    if (error instanceof SourceError) throw error;
    throw deadline.signal.aborted ? timeoutFailure(host, timeoutMs) : transportFailure(host, error);
  } finally {
    clearTimeout(timer);
    cancel?.removeEventListener('abort', end);
  }
}

async function readBody(host: SpotifyHost, status: number, body: Readable): Promise<string> {
  if (status === 200) return readText(host, body, MAX_BODY_BYTES);
  // The status alone says what to do; a 429 stays one however its body ends.
  return readText(host, body, MAX_FAILURE_BYTES).catch(() => '');
}

async function readText(host: SpotifyHost, body: Readable, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Leaving the loop early destroys the stream and its socket.
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      const cause = new Error(`the body was cut after ${bytes} bytes`);
      throw new SourceError(`${host} sent an answer of more than ${maxBytes} bytes.`, cause);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
