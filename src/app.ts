import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import { Logger, PinoLogger } from 'nestjs-pino';
import { auditDenials } from './auth/audit-denials';
import { AuditLog } from './auth/audit-log';
import { AuthGuard, requireScope } from './auth/auth.guard';
import { AppError } from './common/app-error';
import { serveProblemPages } from './common/problem-pages';
import { telemetry } from './common/telemetry';
import { DatabaseConnector } from './database/database.connector';
import { GraphqlEndpoint, GRAPHQL_PATH } from './graphql/graphql-endpoint';
import { Metrics } from './observability/metrics';
import { logRequests } from './observability/request-log';
import { serveApiDocs } from './openapi';
import { HotRead } from './tracks/hot-read';

export interface AppOptions {
  /** Plain reads of a track are answered before Fastify, where no hook meets them. Off, for what has to follow every call. */
  readonly hasShortWay?: boolean;
}

/**
 * Completes an app built on `createHttpAdapter()`: logs, documents, and no call of the API before the database is there.
 * Shared by the server and by the tests, which so meet the same edge.
 */
export function configureApp(app: NestFastifyApplication, { hasShortWay = true }: AppOptions = {}): void {
  app.useLogger(app.get(Logger));
  const server = app.getHttpAdapter().getInstance();
  telemetry.followCalls(server);
  const logRequest = logRequests(server, PinoLogger.root);
  const metrics = app.get(Metrics);
  metrics.measureRequests(server);
  metrics.measureAdmission(server);
  auditDenials(server, app.get(AuditLog));
  const database = app.get(DatabaseConnector);
  const graphql = app.get(GraphqlEndpoint);
  const isOfApi = (request: FastifyRequest): boolean => {
    const { url } = request.routeOptions;
    return url?.startsWith('/v1/') === true || (url === GRAPHQL_PATH && !graphql.isPage(request));
  };
  server.addHook('onRequest', (request, _reply, done) => {
    if (database.state === 'ready' || !isOfApi(request)) done();
    // One that leaves before it was ready never will be.
    else if (server.departure.hasBegun)
      done(new AppError('shutting-down', 'This replica is stopping. Send the call again.'));
    else
      done(new AppError('database-unavailable', 'The database is not ready yet.', { retryAfterSeconds: 2 }));
  });
  const guard = app.get(AuthGuard);
  // Every route of the API needs a token, and most of them a scope: both are asked for before anything of a body is read or judged.
  server.addHook('onRequest', async (request, reply) => {
    if (!isOfApi(request)) return;
    const caller = await guard.admit(request, reply);
    const { scope } = request.routeOptions.config;
    if (scope !== undefined) requireScope(caller, scope);
  });
  const hotRead = app.get(HotRead);
  hotRead.serve(server);
  // Whoever follows calls does so in the server's hooks, which the short way passes by.
  if (hasShortWay && !telemetry.followsCalls) {
    hotRead.serveShort(
      server,
      () => database.state === 'ready',
      (call) => {
        logRequest(call);
        metrics.countRequest(call);
      },
    );
  }
  graphql.serve(server);
  serveProblemPages(server);
  serveApiDocs(app);
}
