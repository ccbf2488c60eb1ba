/** Microseconds of one check by the guard alone, without HTTP around it: the tokens of the message, each in turn, on an idle app. */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const { ApplicationConfig, NestFactory } = require('@nestjs/core');
const { AppModule } = require('../../dist/app.module.js');
const { createHttpAdapter } = require('../../dist/common/http-server.js');
const { DatabaseConnector } = require('../../dist/database/database.connector.js');
const { ApiTokensService } = require('../../dist/auth/api-tokens.service.js');
const { MeController } = require('../../dist/auth/me.controller.js');

const REPEATS = 20_000;
const FIRSTS = 1_000;
const ROUNDS = 7;

const app = await NestFactory.create(AppModule, createHttpAdapter(), { logger: false, bodyParser: false });
await app.init();
await app.get(DatabaseConnector).open();
const [guard] = app.get(ApplicationConfig).getGlobalGuards();

const reply = { headers: () => reply, header: () => reply };
const contextOf = (token) => {
  const headers = { authorization: `Bearer ${token}` };
  const request = {
    ip: '127.0.0.1',
    headers,
    raw: { headers, headersDistinct: { authorization: [headers.authorization] } },
  };
  return {
    getHandler: () => MeController.prototype.show,
    getClass: () => MeController,
    switchToHttp: () => ({ getRequest: () => request, getResponse: () => reply }),
  };
};

async function microsEach(tokens) {
  const contexts = tokens.map(contextOf);
  const startedAt = process.hrtime.bigint();
  for (const context of contexts) await guard.canActivate(context);
  return Number(process.hrtime.bigint() - startedAt) / 1000 / tokens.length;
}

process.once('message', async (jwts) => {
  const service = app.get(ApiTokensService);
  const apiTokens = [];
  for (let made = 0; made < FIRSTS * ROUNDS; made++) {
    const { text } = await service.create(`bench ${made}`, ['tracks:read'], null);
    apiTokens.push(text);
  }
  const kinds = { 'API token': apiTokens, ...jwts };
  await microsEach(Object.values(jwts).map(([first]) => first)); // fetches the keys
  const results = Object.keys(kinds).map((kind) => ({ kind, first: [], repeated: [] }));
  for (let round = 0; round < ROUNDS; round++) {
    for (const { kind, first, repeated } of results) {
      const fresh = kinds[kind].slice(1 + round * FIRSTS, (round + 1) * FIRSTS);
      first.push(await microsEach(fresh));
      // Anew each time, as from a socket: else the engine would have the hash of the text already.
      const again = Array.from({ length: REPEATS }, () => Buffer.from(fresh[0]).toString('latin1'));
      repeated.push(await microsEach(again));
    }
  }
  process.send(results, () => process.exit());
});
process.send('ready');
