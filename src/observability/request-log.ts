import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { IncomingHttpHeaders } from 'node:http';
import type { Logger } from 'pino';
import { pathOf } from '../common/problem';
import { traceIdOf } from '../common/request-identity';
import { telemetry } from '../common/telemetry';

/** A call that was answered. */
export interface FinishedCall {
  readonly requestId: string;
  readonly headers: IncomingHttpHeaders;
  readonly method: string;
  /** The template of the route; null where there is none. */
  readonly route: string | null;
  readonly url: string;
  readonly status: number;
  readonly durationMs: number;
  readonly caller: { readonly subject: string; readonly kind: string } | undefined;
  /** Its trace and span, where traces are kept. */
  readonly trace?: Readonly<Record<string, string>> | undefined;
}

/**
 * Writes one line for each finished call: never its query, headers or body, which may hold what nobody should read.
 * @returns what writes the line of a call that the server's hooks do not meet
 */
export function logRequests(server: FastifyInstance, logger: Logger): (call: FinishedCall) => void {
  // Its fields are known, and none holds what is redacted by its name: looking for that takes as long as all the rest.
  const calls = logger.child({}, { redact: [] });
  const write = ({
    requestId,
    headers,
    method,
    route,
    url,
    status,
    durationMs,
    caller,
    trace,
  }: FinishedCall): void => {
    const line = {
      msg: 'call',
      requestId,
      traceId: traceIdOf({ headers }) ?? undefined,
      ...trace,
      method,
      route,
      path: pathOf(url),
      status,
      durationMs: Math.round(durationMs * 10) / 10,
      caller: caller?.subject,
      callerKind: caller?.kind,
    };
    const isProbe = route?.startsWith('/health/') === true && status < 500;
    if (isProbe) calls.debug(line);
    else calls.info(line);
  };
  server.addHook(
    'onResponse',
    (request: FastifyRequest & { caller?: { subject: string; kind: string } }, reply, done) => {
      write({
        requestId: request.id,
        headers: request.headers,
        method: request.method,
        route: request.routeOptions.url ?? null,
        url: request.url,
        status: reply.statusCode,
        durationMs: reply.elapsedTime,
        caller: request.caller,
        trace: telemetry.logFields(request),
      });
      done();
    },
  );
  return write;
}
