import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { pathOf } from '../common/problem';
import { traceIdOf } from '../common/request-identity';

/** Writes one line for each finished call: never its query, headers or body, which may hold what nobody should read. */
export function logRequests(server: FastifyInstance, logger: Logger): void {
  // Its fields are known, and none holds what is redacted by its name: looking for that takes as long as all the rest.
  const calls = logger.child({}, { redact: [] });
  server.addHook(
    'onResponse',
    (request: FastifyRequest & { caller?: { subject: string; kind: string } }, reply, done) => {
      const line = {
        msg: 'call',
        requestId: request.id,
        traceId: traceIdOf(request) ?? undefined,
        method: request.method,
        route: request.routeOptions.url ?? null,
        path: pathOf(request.url),
        status: reply.statusCode,
        durationMs: Math.round(reply.elapsedTime * 10) / 10,
        caller: request.caller?.subject,
        callerKind: request.caller?.kind,
      };
      const isProbe = line.route?.startsWith('/health/') === true && reply.statusCode < 500;
      if (isProbe) calls.debug(line);
      else calls.info(line);
      done();
    },
  );
}
