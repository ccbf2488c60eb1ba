import proxyAddr from '@fastify/proxy-addr';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import findMyWay, { type HTTPMethod } from 'find-my-way';
import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { Admission } from './admission';
import { AppError } from './app-error';
import { answerConditionally } from './conditional';
import { allowOrigins, isPreflight } from './cors';
import { preferredType } from './media-type';
import { Departure } from './departure';
import { describeProblem, pathOf, toAppError } from './problem';
import { producedBy } from './produces.decorator';
import { takeBodies } from './request-bodies';
import { currentCall, requestIdOf } from './request-identity';
import { secure, SECURITY_HEADERS } from './security-headers';

const BODY_LIMIT_BYTES = 1024 * 1024;
const HEADER_LIMIT_BYTES = 16 * 1024;
const URL_LIMIT_CHARACTERS = 8 * 1024;
const HEADERS_TIMEOUT_MS = 10_000;
/** Uploads that are read as streams may come over slow lines. */
const STREAM_TIMEOUT_MS = 15 * 60_000;
const CONNECTIONS_CHECK_MS = 2_000;

const OVERLOAD_RETRY_AFTER_S = 2;

/** Pages for people; everything else answers JSON. */
const HTML_PATHS = /^\/(docs|problems|graphql\/assets)(\/|$)/;
/** Probes are answered until the last: they tell by themselves that the service is stopping. */
const PROBE_ROUTES = '/health/';

interface EdgeOptions {
  /** Origins whose pages may call; none: no CORS at all. */
  readonly corsOrigins?: readonly string[];
  /** Addresses, networks and range names of proxies whose `X-Forwarded-*` headers are believed; none: nobody's. */
  readonly trustedProxies?: readonly string[];
}

/**
 * The HTTP server under Nest, with what holds for every path: request id, limits, 405 and 406, conditional requests,
 * and problems (RFC 9457) also for what the parser and the router refuse before any handler sees it.
 */
export function createHttpAdapter({
  corsOrigins = [],
  trustedProxies = [],
}: EdgeOptions = {}): FastifyAdapter {
  const hasCors = corsOrigins.length > 0;
  const isBehindProxy = trustedProxies.length > 0;
  const trusts = proxyAddr.compile([...trustedProxies]);
  const adapter = new FastifyAdapter({
    trustProxy: isBehindProxy ? trusts : false,
    bodyLimit: BODY_LIMIT_BYTES,
    requestTimeout: STREAM_TIMEOUT_MS,
    return503OnClosing: false,
    genReqId: requestIdOf,
    requestIdHeader: false,
    routerOptions: { maxParamLength: 1000 },
    http: {
      requireHostHeader: false, // Node's own refusal has no body; ours is in `findRefusal`
      maxHeaderSize: HEADER_LIMIT_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: CONNECTIONS_CHECK_MS,
    },
    frameworkErrors: (error: unknown, request: FastifyRequest, reply: FastifyReply) => {
      const problem = describeProblem(toAppError(error), request);
      void reply
        .status(problem.status)
        .headers({ ...SECURITY_HEADERS, ...problem.headers, 'x-request-id': request.id })
        .send(problem.body);
    },
    clientErrorHandler: answerBrokenRequest,
  });
  const server = adapter.getInstance<FastifyInstance>();
  takeBodies(server, (socket) => {
    answerBrokenRequest(Object.assign(new Error('slow body'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), socket);
  });

  // Twice where there is a body: reading it leaves the context of the hook before it.
  const enterCall = (request: FastifyRequest, _reply: FastifyReply, done: () => void): void => {
    currentCall.run({ requestId: request.id }, done);
  };
  server.addHook('onRequest', enterCall);
  const admission = new Admission();
  const takeInHand = (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void): void => {
    let hasWaited = false;
    const leave = admission.come((isAdmitted) => {
      const goOn = (): void => {
        done(isAdmitted ? undefined : overloaded());
      };
      // Whoever waited would go on in the context of the call that made room.
      if (hasWaited) enterCall(request, reply, goOn);
      else goOn();
    });
    hasWaited = true;
    reply.raw.once('close', leave);
  };
  server.addHook('preValidation', (request, reply, done) => {
    if (hasBody(request) && !isProbe(request)) takeInHand(request, reply, done);
    else done();
  });
  server.addHook('preValidation', (request, reply, done) => {
    if (request.method === 'GET' || request.method === 'HEAD') done();
    else enterCall(request, reply, done);
  });
  const allowedMethods = trackRoutes(server);
  const departure = new Departure(server.server);
  server.decorate('departure', departure);
  const refused = new WeakSet<IncomingMessage>();
  const isClosing = () => departure.hasBegun;
  server.decorate('edge', { admission, refused, isClosing, hasCors, isBehindProxy, trusts });
  server.addHook('preClose', (done) => {
    departure.closeUnused();
    done();
  });
  server.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    secure(request, reply, isBehindProxy);
    const refusal = findRefusal(request, allowedMethods, hasCors);
    if (refusal !== undefined && request.method === 'OPTIONS') {
      // The route of CORS was there before Nest's filter, and has none.
      const { status, headers, body } = describeProblem(refusal, request);
      void reply.status(status).headers(headers).send(body);
      return;
    }
    if (refusal !== undefined || isProbe(request)) done(refusal);
    else if (refused.has(request.raw)) done(overloaded());
    // A call with a body gets its place when all of it is there: slow senders keep nobody out.
    else if (!hasBody(request)) takeInHand(request, reply, done);
    else done(admission.refusesNow() ? overloaded() : undefined);
  });
  server.addHook('onClose', (_instance, done) => {
    admission.close();
    done();
  });
  server.addHook('onSend', (_request, reply, payload, done) => {
    if (departure.hasBegun) reply.header('connection', 'close');
    done(null, payload);
  });
  server.addHook('onSend', answerConditionally);
  if (hasCors) allowOrigins(server, corsOrigins);
  return adapter;
}

function isProbe({ url }: FastifyRequest): boolean {
  return url.startsWith(PROBE_ROUTES);
}

function hasBody({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined || !['0', undefined].includes(headers['content-length']);
}

function overloaded(): AppError {
  return new AppError('overloaded', 'More calls wait here than can be answered in time.', {
    retryAfterSeconds: OVERLOAD_RETRY_AFTER_S,
  });
}

/** What a way around Fastify has to keep to. */
export interface Edge {
  readonly admission: Admission;
  /** Requests that have waited for admission, or would have, in vain: they are told so, and do not wait again. */
  readonly refused: WeakSet<IncomingMessage>;
  readonly isClosing: () => boolean;
  readonly hasCors: boolean;
  readonly isBehindProxy: boolean;
  /** Whether the `X-Forwarded-*` headers of a peer are believed; `hop` is 0 for who is connected to us. */
  readonly trusts: (address: string, hop: number) => boolean;
}

declare module 'fastify' {
  interface FastifyInstance {
    readonly edge: Edge;
    /** Whether and how this server leaves. */
    readonly departure: Departure;
  }
}

/** Remembers the methods of every path as it is registered, to tell 405 from 404. */
function trackRoutes(server: FastifyInstance): (path: string) => string[] {
  const methodsByPath = new Map<string, Set<string>>();
  const router = findMyWay({ maxParamLength: 1000 });
  server.addHook('onRoute', ({ url, method }) => {
    if (url === '*') return; // of CORS
    let methods = methodsByPath.get(url);
    if (methods === undefined) {
      methods = new Set();
      methodsByPath.set(url, methods);
      router.on('GET' satisfies HTTPMethod, url, () => undefined, methods);
    }
    for (const one of [method].flat()) methods.add(one);
  });
  return (path) => [...((router.find('GET', path)?.store as Set<string> | undefined) ?? [])].sort();
}

function findRefusal(
  request: FastifyRequest,
  allowedMethods: (path: string) => string[],
  hasCors: boolean,
): AppError | undefined {
  if (request.url.length > URL_LIMIT_CHARACTERS) {
    return new AppError('uri-too-long', 'The path and query of the request are longer than 8 KiB.');
  }
  if (request.headers.host === undefined && request.raw.httpVersion === '1.1') {
    return new AppError('invalid-request', 'An HTTP/1.1 request has a Host header.');
  }
  const path = pathOf(request.url);
  if (hasCors && isPreflight(request)) return undefined;
  // With CORS there is a route for OPTIONS on every path, for preflights alone.
  if (request.is404 || request.method === 'OPTIONS') {
    const methods = allowedMethods(path);
    if (methods.length === 0)
      return request.is404 ? undefined : new AppError('not-found', 'There is no such route or resource.');
    return new AppError('method-not-allowed', `${path} has ${methods.join(', ')}.`, {
      headers: { allow: methods.join(', ') },
    });
  }
  const mediaTypes = producedBy(request.routeOptions.config);
  if (!HTML_PATHS.test(path) && preferredType(request.raw, mediaTypes) === null) {
    return new AppError('not-acceptable', `This path answers with ${mediaTypes.join(' or ')}.`);
  }
  return undefined;
}

/** Answers what Node's HTTP parser refuses; there is no request object yet, only the socket. */
function answerBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable || socket.destroyed) {
    socket.destroy();
    return;
  }
  const refusal =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? new AppError('header-fields-too-large', 'The header of the request is larger than 16 KiB.')
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? new AppError('request-timeout', 'The request arrived too slowly.')
        : new AppError('invalid-request', 'The request is not well-formed HTTP/1.1.');
  const id = requestIdOf({ headers: {} });
  const { status, headers, body } = describeProblem(refusal, { id, url: '' });
  const text = JSON.stringify(body);
  const lines = Object.entries({
    ...SECURITY_HEADERS,
    ...headers,
    'x-request-id': id,
    'content-length': Buffer.byteLength(text),
    connection: 'close',
  });
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${text}`,
  );
}
