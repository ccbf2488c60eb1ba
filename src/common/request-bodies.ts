import type { FastifyInstance } from 'fastify';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { AppError } from './app-error';

const BODY_TIMEOUT_MS = 30_000;
/** What is left of an upload that was refused is read for so long: a client that still sends would miss the answer. */
const LINGER_MS = 5_000;

declare module 'fastify' {
  /** What a route may say of itself, by `@RouteFacts`. */
  interface FastifyContextConfig {
    /** Its handler reads the body as a stream, of whatever type, and limits it. */
    readonly streamsBody?: boolean;
  }
}

/**
 * How bodies come in: JSON whole, within a time; streams unread, to the routes that ask for them; nothing else.
 * `tooSlow` answers on the socket of a body that takes longer.
 */
export function takeBodies(server: FastifyInstance, tooSlow: (socket: Socket) => void): void {
  server.removeContentTypeParser('text/plain');
  readJsonBodies(server);
  handStreamsOn(server);
  limitBodyTime(server, tooSlow);
}

/** JSON in UTF-8 alone; no body at all is no error here, the schema of the call decides. */
function readJsonBodies(server: FastifyInstance): void {
  const parse = server.getDefaultJsonParser('error', 'error');
  server.removeContentTypeParser('application/json');
  server.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    const charset =
      /;\s*charset\s*=\s*"?([^";\s]*)/i.exec(request.headers['content-type'] ?? '')?.[1] ?? 'utf-8';
    if (!/^utf-?8$/i.test(charset)) {
      done(new AppError('unsupported-media-type', 'The body must be JSON in UTF-8.'));
    } else if (body === '') {
      done(null, undefined);
    } else {
      void parse(request, body, done);
    }
  });
}

/** The body under this type is handed on unread. Fastify chooses parsers by type alone, and so never by the route. */
const STREAM = 'application/vnd.deadwax.stream';

/** Routes that stream get the request as it is: who calls is then known before anything of the body is read. */
function handStreamsOn(server: FastifyInstance): void {
  server.addContentTypeParser(STREAM, (request, payload, done) => {
    done(
      request.routeOptions.config.streamsBody === true
        ? null
        : new AppError(
            'unsupported-media-type',
            'The body must be JSON: Content-Type application/json, UTF-8.',
          ),
      payload,
    );
  });
  server.addHook('onRequest', (request, reply, done) => {
    if (request.routeOptions.config.streamsBody === true) {
      request.headers = { 'content-type': STREAM };
      reply.raw.once('finish', () => {
        lingerOver(request.raw);
      });
    }
    done();
  });
}

function lingerOver(raw: IncomingMessage): void {
  if (raw.complete) return;
  raw.unpipe();
  raw.resume();
  const timer = setTimeout(() => raw.destroy(), LINGER_MS);
  raw.once('close', () => {
    clearTimeout(timer);
  });
}

/** Node has one limit of time for all requests, and streams need a long one: bodies of other routes are cut here. */
function limitBodyTime(server: FastifyInstance, tooSlow: (socket: Socket) => void): void {
  server.addHook('onRequest', (request, _reply, done) => {
    const { raw } = request;
    const hasBody =
      raw.headers['content-length'] !== undefined || raw.headers['transfer-encoding'] !== undefined;
    if (hasBody && request.routeOptions.config.streamsBody !== true) {
      const timer = setTimeout(() => {
        if (!raw.complete) tooSlow(raw.socket);
      }, BODY_TIMEOUT_MS);
      raw.once('close', () => {
        clearTimeout(timer);
      });
    }
    done();
  });
}
