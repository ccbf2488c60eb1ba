import type { FastifyInstance } from 'fastify';
import type { AuditLog } from './audit-log';
import { originOf } from './audit-origin';
import type { AuthenticatedRequest } from './policy.decorators';

/** Tells the audit log of every call that was answered 401 or 403, whoever refused it. */
export function auditDenials(server: FastifyInstance, audit: AuditLog): void {
  server.addHook('onResponse', (request: AuthenticatedRequest, reply, done) => {
    const { statusCode: status } = reply;
    if (status === 401 || status === 403) {
      const challenge = String(reply.getHeader('www-authenticate') ?? '');
      const part = (name: string) => new RegExp(`\\b${name}="([^"]*)"`).exec(challenge)?.[1] ?? null;
      audit.denied({
        ...originOf(request),
        method: request.method,
        route: request.routeOptions.url ?? null,
        status,
        error: part('error'),
        scope: part('scope'),
      });
    }
    done();
  });
}
