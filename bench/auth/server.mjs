/**
 * The built service, with authentication or, where BENCH_WITHOUT_AUTH is set, with a guard that lets everybody in: all
 * else is the same, the headers of the calls too.
 * Tells its parent its address and an API token, then answers `cpu` with the microseconds of CPU that it has used.
 */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { NestFactory } = require('@nestjs/core');
const { AppModule } = require('../../dist/app.module.js');
const { configureApp } = require('../../dist/app.js');
const { createHttpAdapter } = require('../../dist/common/http-server.js');
const { DatabaseConnector } = require('../../dist/database/database.connector.js');
const { ApiTokensService } = require('../../dist/auth/api-tokens.service.js');
const { AuthGuard } = require('../../dist/auth/auth.guard.js');
const { SCOPES } = require('../../dist/auth/scopes.js');

if (process.env.BENCH_WITHOUT_AUTH) {
  const caller = { subject: 'everybody', kind: 'api-token', scopes: SCOPES, expiresAt: null };
  const expiring = { ...caller, kind: 'jwt', expiresAt: new Date(Date.now() + 7_200_000) };
  AuthGuard.prototype.canActivate = (context) => {
    const request = context.switchToHttp().getRequest();
    // The answer of /v1/me is to cost the same too.
    request.caller = request.headers.authorization.startsWith('Bearer dwx_') ? caller : expiring;
    return true;
  };
}

const app = await NestFactory.create(AppModule, createHttpAdapter(), { logger: false, bodyParser: false });
configureApp(app);
await app.listen(0, '127.0.0.1');
await app.get(DatabaseConnector).open();
const token = await app.get(ApiTokensService).ensureFirstToken();
const url = (await app.getUrl()).replace(/\/$/, '');

process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send({ cpuMicros: user + system });
});
process.on('disconnect', () => process.exit());
process.send({ url, token });
