import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { type AppOptions, configureApp } from '../../src/app';
import { AppModule } from '../../src/app.module';
import { ApiTokensService } from '../../src/auth/api-tokens.service';
import { ROLES, type Role } from '../../src/auth/scopes';
import { createHttpAdapter } from '../../src/common/http-server';
import { settings } from '../../src/config/settings';
import { DatabaseConnector } from '../../src/database/database.connector';
import { ImportLoop } from '../../src/imports/import-loop';
import { standardLogOutput } from '../../src/observability/log-output';
import { describeApi } from '../../src/openapi';
import { createTestDatabase, type TestDatabase } from './database';
import { LogCheck } from './log-check';
import { OpenApiConformity } from './openapi-conformity';
import type { SpotifyFake } from '../fakes/spotify/spotify-fake';

/** The whole app, listening on loopback, on a database of its own. */
export interface TestApp {
  readonly app: NestFastifyApplication;
  readonly url: string;
  readonly database: TestDatabase;
  /** Texts of valid tokens, one a role. */
  readonly tokens: Readonly<Record<Role, string>>;
  /**
   * Calls the app; with the admin token unless another (or null for none) is given. A `json` body sets its content type.
   * @throws Error where the answer is not as the OpenAPI document has it
   */
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  stop(): Promise<void>;
}

export interface CallOptions {
  readonly token?: string | null;
  readonly json?: unknown;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body parsed, where it is JSON; else undefined. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- tests look into bodies of every shape
  readonly body: any;
}

/** The environment that makes the app ask the Spotify stand-in. */
export function spotifyEnvironment(fake: SpotifyFake): Record<string, string> {
  return {
    SPOTIFY_CLIENT_ID: fake.clientId,
    SPOTIFY_CLIENT_SECRET: fake.clientSecret,
    SPOTIFY_API_URL: fake.apiUrl,
    SPOTIFY_ACCOUNTS_URL: fake.accountsUrl,
    // The tests make many calls on purpose.
    SPOTIFY_REQUESTS_PER_30S: '0',
    SPOTIFY_REQUESTS_PER_DAY: '0',
  };
}

/** Starts the app as `serve` does, with these settings and no others. Without Spotify settings the sample catalogue serves. */
export async function startApp(
  environment: Readonly<Record<string, string>> = {},
  options: AppOptions = {},
): Promise<TestApp> {
  const database = await createTestDatabase();
  const app = await createApp({ DATABASE_URL: database.url, ...environment }, options);
  await app.listen(0, '127.0.0.1');
  await app.get(DatabaseConnector).open();
  const url = (await app.getUrl()).replace(/\/$/, '');
  app.get(ImportLoop).start();
  const service = app.get(ApiTokensService);
  const tokens = Object.fromEntries(
    await Promise.all(
      Object.entries(ROLES).map(
        async ([role, scopes]) => [role, (await service.create(`test ${role}`, scopes, null)).text] as const,
      ),
    ),
  ) as Record<Role, string>;

  let conformity: OpenApiConformity | undefined;

  return {
    app,
    url,
    database,
    tokens,
    async call(method, path, { token = tokens.admin, json, body, headers = {} } = {}) {
      const response = await fetch(url + path, {
        method,
        redirect: 'manual',
        headers: {
          ...(token === null ? {} : { authorization: `Bearer ${token}` }),
          ...(json === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(json === undefined ? (body === undefined ? {} : { body }) : { body: JSON.stringify(json) }),
      });
      const text = await response.text();
      conformity ??= new OpenApiConformity(describeApi(app));
      conformity.check({ method, path, status: response.status, headers: response.headers, text });
      const isJson = /^application\/([\w-]+\+)?json/.test(response.headers.get('content-type') ?? '');
      return {
        status: response.status,
        headers: response.headers,
        text,
        body: isJson && text !== '' ? (JSON.parse(text) as unknown) : undefined,
      };
    },
    async stop() {
      try {
        await app.close();
      } finally {
        await database.drop();
      }
    },
  };
}

/** Of all apps of a test file: they write to one output. */
const logCheck = new LogCheck();

/**
 * Makes the app with these settings, ready to listen. What it logs, down to traces and in the form of production, is checked line by line instead of
 * written; closing the app fails where a line was not as it should be, or none came.
 */
export async function createApp(
  environment: Readonly<Record<string, string>>,
  options: AppOptions = {},
): Promise<NestFastifyApplication> {
  const given = { LOG_LEVEL: 'trace', ...environment };
  logCheck.learnSettings(given);
  standardLogOutput().write = (line) => {
    logCheck.write(line);
  };
  const app = await withEnvironment(given, () =>
    withoutTerminal(() =>
      NestFactory.create<NestFastifyApplication>(AppModule, createHttpAdapter(settings().http), {
        abortOnError: false,
        logger: false,
        bodyParser: false,
      }),
    ),
  );
  configureApp(app, options);
  // Before anything of ours sees the call.
  app.getHttpServer().prependListener('request', ({ headers }) => {
    if (headers.authorization !== undefined) logCheck.learnCredentials(headers.authorization);
  });
  const close = app.close.bind(app);
  app.close = async () => {
    await close();
    if (logCheck.assertGood() === 0) throw new Error('nothing was logged where it is looked for');
  };
  return app;
}

/** The form of log lines hangs on it; tests that run in the process of Jest itself may have one. */
async function withoutTerminal<T>(work: () => Promise<T>): Promise<T> {
  const { isTTY } = process.stdout;
  process.stdout.isTTY = false;
  try {
    return await work();
  } finally {
    process.stdout.isTTY = isTTY;
  }
}

/** Settings are read while the app is made: the environment is put back right after. */
async function withEnvironment<T>(
  environment: Readonly<Record<string, string>>,
  work: () => Promise<T>,
): Promise<T> {
  const before = { ...process.env };
  Object.assign(process.env, environment);
  try {
    return await work();
  } finally {
    for (const name of Object.keys(environment)) {
      if (before[name] === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = before[name];
    }
  }
}
