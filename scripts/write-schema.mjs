/**
 * Writes schema.gql, the GraphQL schema, out of the built service: `npm run schema:write`.
 * Nothing is listened on, and no database or source is reached.
 */
import 'reflect-metadata';
import { GraphQLSchemaHost } from '@nestjs/graphql';
import { NestFactory } from '@nestjs/core';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

// Settings of whoever runs this decide nothing here, and must not be able to stop it.
for (const name of Object.keys(process.env)) {
  if (/^(DATABASE|REDIS|SPOTIFY|AUTH|CLIENT|CORS|TRUST|WEB|GRAPHIQL|NODE_ENV|PORT|HOST|LOG_LEVEL)/.test(name))
    delete process.env[name];
}
process.env.LOG_LEVEL = 'silent';

const { AppModule } = require('../dist/app.module.js');
const { createHttpAdapter } = require('../dist/common/http-server.js');
const { printedSchema } = require('../dist/graphql/printed-schema.js');

const app = await NestFactory.create(AppModule, createHttpAdapter(), { logger: false, bodyParser: false });
await app.init();
await writeFile(
  new URL('../schema.gql', import.meta.url),
  printedSchema(app.get(GraphQLSchemaHost, { strict: false }).schema),
);
await app.close();
