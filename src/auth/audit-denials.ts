import type { FastifyInstance } from 'fastify';
import type { AuditLog } from './audit-log';
import { originOf } from './audit-origin';
import type { AuthenticatedRequest } from './policy.decorators';

/** Tells the audit log of every call that was answered 401 or 403, whoever refused it, or denied in part (GraphQL). */
export function auditDenials(server: FastifyInstance, audit: AuditLog): void {
  server.addHook('onResponse', (request: AuthenticatedRequest, reply, done) => {
    const { statusCode } = reply;
    const { deniedScope } = request;
    if (statusCode === 401 || statusCode === 403 || deniedScope !== undefined) {
      const challenge = String(reply.getHeader('www-authenticate') ?? '');
      const part = (name: string) => new RegExp(`\\b${name}="([^"]*)"`).exec(challenge)?.[1] ?? null;
      audit.denied({
        ...originOf(request),
        method: request.method,
        route: request.routeOptions.url ?? null,
        status: statusCode,
        error: part('error') ?? (deniedScope === undefined ? null : 'insufficient_scope'),
        scope: part('scope') ?? deniedScope ?? null,
      });
    }
    done();
  });
}
