/**
 * Writes openapi.json, the description of the API, out of the built service: `npm run openapi:write`.
 * Nothing is listened on, and no database or source is reached.
 */
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

// Settings of whoever runs this decide nothing here, and must not be able to stop it.
for (const name of Object.keys(process.env)) {
  if (/^(DATABASE|REDIS|SPOTIFY|AUTH|CLIENT|CORS|TRUST|WEB|NODE_ENV|PORT|HOST|LOG_LEVEL)/.test(name))
    delete process.env[name];
}
process.env.LOG_LEVEL = 'silent';

const { AppModule } = require('../dist/app.module.js');
const { createHttpAdapter } = require('../dist/common/http-server.js');
const { describeApi } = require('../dist/openapi.js');

const app = await NestFactory.create(AppModule, createHttpAdapter(), { logger: false, bodyParser: false });
const file = new URL('../openapi.json', import.meta.url);
await writeFile(file, `${JSON.stringify(describeApi(app), null, 2)}\n`);
await app.close();
