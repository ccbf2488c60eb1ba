import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Logger, PinoLogger } from 'nestjs-pino';
import { auditDenials } from './auth/audit-denials';
import { AuditLog } from './auth/audit-log';
import { AuthGuard } from './auth/auth.guard';
import { AppError } from './common/app-error';
import { serveProblemPages } from './common/problem-pages';
import { DatabaseConnector } from './database/database.connector';
import { Metrics } from './observability/metrics';
import { logRequests } from './observability/request-log';
import { serveApiDocs } from './openapi';
import { HotRead } from './tracks/hot-read';

/**
 * Completes an app built on `createHttpAdapter()`: logs, documents, and no call of the API before the database is there.
 * Shared by the server and by the tests, which so meet the same edge.
 */
export function configureApp(app: NestFastifyApplication): void {
  app.useLogger(app.get(Logger));
  const server = app.getHttpAdapter().getInstance();
  logRequests(server, PinoLogger.root);
  app.get(Metrics).measureRequests(server);
  auditDenials(server, app.get(AuditLog));
  const database = app.get(DatabaseConnector);
  server.addHook('onRequest', (request, _reply, done) => {
    const isEarly = database.state !== 'ready' && request.routeOptions.url?.startsWith('/v1/');
    done(
      isEarly === true
        ? new AppError('database-unavailable', 'The database is not ready yet.', { retryAfterSeconds: 2 })
        : undefined,
    );
  });
  const guard = app.get(AuthGuard);
  // Every route of the API needs a token. What its bearer may do is for the handler's policy, when the guard meets it.
  server.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.url?.startsWith('/v1/') === true) await guard.admit(request, reply);
  });
  app.get(HotRead).serve(server);
  serveProblemPages(server);
  serveApiDocs(app);
}
