import { AsyncResource } from 'node:async_hooks';
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http';
import { hasAlready, REVALIDATED, VARYING } from './conditional';
import { FIELDS_WITHOUT_ORIGIN } from './cors';
import type { Edge } from './http-server';
import { JSON_MEDIA_TYPE } from './json-reply';
import { requestIdOf } from './request-identity';
import { SECURITY_HEADERS, TRANSPORT_POLICY } from './security-headers';

/** A body as it is kept, and its strong ETag without the quotes. */
export interface ReadyAnswer {
  readonly body: string;
  readonly tag: string;
}

/** What callers are told of their limits; null where there are none. */
type Limits = Readonly<Record<string, string>> | null;

/** A route for GET with answers that are ready to send. */
export interface ShortRoute<Caller> {
  /** As Fastify has it. */
  readonly template: string;
  /** What a target asks of this route, where it is spelt as its `Content-Location` is, and without a query; else null. */
  keyOf(target: string): string | null;
  /** Who calls, where that is known at once and they may; else null. */
  recognise(raw: IncomingMessage): Caller | null;
  /** Charges the caller for the call. Throws, or rejects, where their allowance is used up. */
  charge(caller: Caller): Limits | Promise<Limits>;
  /** The long way has not to charge this one again. */
  noteCharged(raw: IncomingMessage, limits: Limits): void;
  /** The long way has to tell of this failure, and not to wait anew for what was waited for in vain. */
  noteFailed(raw: IncomingMessage, error: unknown): void;
  /** Null where there is no such thing. */
  find(key: string): Promise<ReadyAnswer | null>;
}

/** A call that was answered here. */
interface Answered<Caller> {
  readonly requestId: string;
  readonly headers: IncomingHttpHeaders;
  readonly method: 'GET';
  readonly route: string;
  readonly url: string;
  readonly status: number;
  readonly durationMs: number;
  readonly caller: Caller;
}

interface Visit<Caller> {
  readonly raw: IncomingMessage;
  readonly reply: ServerResponse;
  readonly key: string;
  readonly caller: Caller;
  readonly startedMs: number;
  readonly leave: () => void;
}

type Listener = (raw: IncomingMessage, reply: ServerResponse) => void;

const SECURITY = Object.entries(SECURITY_HEADERS).flat();
/** What callers of JSON usually accept: nothing, anything, and what well-known clients write. Others are weighed on the long way. */
const ACCEPTED = new Set([undefined, '*/*', 'application/json', 'application/json, text/plain, */*']);

/**
 * Answers the plain reads of one route before Fastify, which would take as long again: 200 and 304 alone, with the headers, limits,
 * place in hand, log line and metrics that they would have there. Whatever is out of the ordinary, or fails, goes the long way: it is
 * as if this were not there.
 */
export class ShortWay<Caller> {
  /**
   * @param isReady whether calls are answered at all
   * @param tell is called with each call that was answered
   */
  constructor(
    private readonly edge: Edge,
    private readonly route: ShortRoute<Caller>,
    private readonly isReady: () => boolean,
    private readonly tell: (call: Answered<Caller>) => void,
  ) {}

  /** Takes the place of the listener that the server has, which becomes the long way. */
  install(server: Server): void {
    const [listener, ...others] = server.listeners('request');
    if (listener === undefined || others.length > 0)
      throw new Error('a server has one listener for requests');
    const goOn = listener as Listener;
    server.removeListener('request', goOn);
    server.on('request', (raw: IncomingMessage, reply: ServerResponse) => {
      if (!this.enter(raw, reply, goOn)) goOn(raw, reply);
    });
  }

  /** False where the call is not a plain one. */
  private enter(raw: IncomingMessage, reply: ServerResponse, goOn: Listener): boolean {
    const startedMs = performance.now();
    const key = raw.method === 'GET' && raw.httpVersion === '1.1' ? this.route.keyOf(raw.url ?? '') : null;
    if (key === null || !this.isPlain(raw.headers) || this.edge.isClosing() || !this.isReady()) return false;
    const caller = this.route.recognise(raw);
    if (caller === null) return false;
    const leave = this.edge.admission.comeAtOnce();
    if (leave === null) this.wait({ raw, reply, key, startedMs }, goOn);
    else this.serve({ raw, reply, key, caller, startedMs, leave }, goOn);
    return true;
  }

  /** Under overload nearly all calls wait: were they to go the long way for that, less would get done just then. */
  private wait(call: Omit<Visit<Caller>, 'caller' | 'leave'>, goOn: Listener): void {
    const { raw, reply } = call;
    let leaveLate = (): void => undefined;
    const leave = (): void => {
      leaveLate();
    };
    reply.once('close', leave);
    // Bound: whoever waited would go on in the context of the call that made room.
    const enter = AsyncResource.bind((isAdmitted: boolean): void => {
      if (!isAdmitted) {
        this.edge.refused.add(raw);
        goOn(raw, reply);
        return;
      }
      const caller = this.route.recognise(raw); // again: much can happen to a token in three seconds
      if (caller === null) {
        leave();
        goOn(raw, reply);
      } else this.serve({ ...call, caller, leave }, goOn);
    });
    leaveLate = this.edge.admission.come(enter);
  }

  private isPlain(headers: IncomingHttpHeaders): boolean {
    return (
      headers.host !== undefined &&
      headers['content-length'] === undefined &&
      headers['transfer-encoding'] === undefined &&
      headers.expect === undefined &&
      ACCEPTED.has(headers.accept) &&
      !(this.edge.hasCors && headers.origin !== undefined)
    );
  }

  private serve(visit: Visit<Caller>, goOn: Listener): void {
    const { raw, reply, caller, leave } = visit;
    reply.once('close', leave);
    const handOver = (): void => {
      leave();
      if (reply.headersSent) reply.destroy();
      else goOn(raw, reply);
    };
    let limits: Limits | Promise<Limits>;
    try {
      limits = this.route.charge(caller);
    } catch {
      handOver(); // to be told there; nothing was charged
      return;
    }
    if (limits instanceof Promise) {
      limits.then((charged) => {
        this.find(visit, charged, handOver);
      }, handOver);
    } else this.find(visit, limits, handOver);
  }

  private find(visit: Visit<Caller>, limits: Limits, handOver: () => void): void {
    const handOverCharged = (): void => {
      this.route.noteCharged(visit.raw, limits);
      handOver();
    };
    this.route
      .find(visit.key)
      .then(
        (found) => {
          if (found === null) handOverCharged();
          else this.answer(visit, found, limits);
        },
        (error: unknown) => {
          this.route.noteFailed(visit.raw, error);
          handOverCharged();
        },
      )
      .catch(handOverCharged);
  }

  private answer(visit: Visit<Caller>, { body, tag }: ReadyAnswer, limits: Limits): void {
    const { raw, reply, caller, startedMs } = visit;
    const { url = '', headers } = raw;
    const requestId = requestIdOf(raw);
    const etag = `"${tag}"`;
    const status = hasAlready(headers, etag) ? 304 : 200;
    const fields = ['x-request-id', requestId, ...SECURITY];
    if (this.cameByTls(raw)) fields.push('strict-transport-security', TRANSPORT_POLICY);
    if (this.edge.hasCors) fields.push(...FIELDS_WITHOUT_ORIGIN);
    if (limits !== null) for (const name in limits) fields.push(name, limits[name] ?? '');
    fields.push('content-location', url, 'etag', etag);
    if (status === 200) fields.push('content-type', JSON_MEDIA_TYPE);
    if (this.edge.isClosing()) fields.push('connection', 'close');
    fields.push('cache-control', REVALIDATED, 'vary', this.edge.hasCors ? `Origin, ${VARYING}` : VARYING);
    if (status === 200) fields.push('content-length', String(Buffer.byteLength(body)));
    reply.once('finish', () => {
      this.tell({
        requestId,
        headers,
        method: 'GET',
        route: this.route.template,
        url,
        status,
        durationMs: performance.now() - startedMs,
        caller,
      });
    });
    reply.writeHead(status, fields);
    reply.end(status === 200 ? body : undefined);
  }

  /** As Fastify reads `X-Forwarded-Proto`: what the proxy next to us says, which stands last. */
  private cameByTls({ headers, socket }: IncomingMessage): boolean {
    const { isBehindProxy, trusts } = this.edge;
    const told = headers['x-forwarded-proto'];
    if (!isBehindProxy || told === undefined || socket.remoteAddress === undefined) return false;
    return String(told).split(',').at(-1)?.trim() === 'https' && trusts(socket.remoteAddress, 0);
  }
}
