import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { gunzipSync, inflateSync } from 'node:zlib';

/** Something that telemetry is sent to. */
export interface Sink {
  readonly port: number;
  readonly received: readonly Received[];
  /** The first so many of those that `which` wants, once they are there. Fails after 15 s. */
  gets(count: number, which?: (each: Received) => boolean): Promise<Received[]>;
  stop(): Promise<void>;
}

export interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** The body, decompressed. */
  readonly text: string;
}

/** How a sink answers what it was sent; without an answer it hangs. */
export type SinkAnswer = (received: Received, response: ServerResponse) => void;

const accept: SinkAnswer = (_, response) => response.end('{}');

/** Starts a server on a free port of loopback that keeps all it is sent; over TLS with a key and certificate. */
export async function startSink(answer = accept, tls?: { key: string; cert: string }): Promise<Sink> {
  const received: Received[] = [];
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece as Buffer);
    const body = Buffer.concat(pieces);
    const encoding = request.headers['content-encoding'];
    const plain = encoding === 'gzip' ? gunzipSync(body) : encoding === 'deflate' ? inflateSync(body) : body;
    const one = { path: request.url ?? '', headers: request.headers, text: plain.toString('utf8') };
    received.push(one);
    answer(one, response);
  };
  const listener = (request: IncomingMessage, response: ServerResponse) => void take(request, response);
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    received,
    port: (server.address() as AddressInfo).port,
    async gets(count, which = () => true) {
      const deadline = Date.now() + 15_000;
      for (;;) {
        const found = received.filter(which);
        if (found.length >= count) return found.slice(0, count);
        if (Date.now() > deadline)
          throw new Error(
            `${found.length} of ${count} came: ${JSON.stringify(received.map(({ path }) => path))}`,
          );
        await sleep(20);
      }
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
