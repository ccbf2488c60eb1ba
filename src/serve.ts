import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import cluster from 'node:cluster';
import { setTimeout as sleep } from 'node:timers/promises';
import { configureApp } from './app';
import { AppModule } from './app.module';
import { ApiTokensService } from './auth/api-tokens.service';
import { createHttpAdapter } from './common/http-server';
import { type Settings, settings, settingsWithSource } from './config/settings';
import { DatabaseConnector } from './database/database.connector';
import { fail, tellPrimary } from './fail';
import { ImportLoop } from './imports/import-loop';
import { Primary, type PrimaryMessage } from './primary';

/** After the signal, calls may go on for so long; then their connections are cut, so that all the rest can close. */
const DRAIN_TIMEOUT_MS = 20_000;
/** Connections that wait to be taken up: above Node's 511 a burst would be cut off rather than told 503. */
const BACKLOG = 4096;
/** What a shutdown may take, whatever hangs: those who wait for the process end it by force after 25 or 30 seconds. */
const SHUTDOWN_TIMEOUT_MS = 23_000;
const EXAMPLE_ISRC = 'USWB10102873';

/** Runs the server until a signal ends it. Faults of the settings or the database end it with a message and no stack. */
export async function serve(): Promise<void> {
  try {
    const given = settingsWithSource(); // checked before Nest starts, whose error log would add a stack
    const { workers, http } = given;
    if (workers > 1 && cluster.isPrimary) {
      new Primary(given).run();
      return;
    }
    const app = await NestFactory.create<NestFastifyApplication>(AppModule, createHttpAdapter(http), {
      abortOnError: false,
      bufferLogs: true,
      bodyParser: false,
    });
    configureApp(app);
    stopWhenTold(app);
    const { host, port } = app.get<Settings>(settings.KEY);
    await app.listen({ port, host, backlog: BACKLOG });
    const database = app.get(DatabaseConnector);
    await database.open();
    if (database.state !== 'ready') return; // a signal came first
    const firstToken = await app.get(ApiTokensService).ensureFirstToken();
    app.get(ImportLoop).start();
    if (cluster.isWorker) tellPrimary({ deadwax: 'ready', firstToken });
    else await announce(app, firstToken);
  } catch (error) {
    fail(error);
  }
}

/**
 * SIGTERM and SIGINT: leaves, exit code 0. A second signal ends the process at once. (Nest's own hooks would raise the signal
 * again: exit code 143.) A worker obeys the SIGTERM of its primary, as often as it comes: a terminal, or who ends a whole process
 * group, signals both.
 */
function stopWhenTold(app: NestFastifyApplication): void {
  let isStopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (isStopping) return;
    isStopping = true;
    const startedMs = performance.now();
    const logger = new Logger('Server');
    const end = (code: number): void => {
      logger.log(`stopped after ${Math.round(performance.now() - startedMs)} ms`);
      process.exit(code);
    };
    setTimeout(() => {
      logger.error('what is still under way does not end: ended without it');
      end(0);
    }, SHUTDOWN_TIMEOUT_MS).unref();
    leave(app, signal).then(
      () => {
        end(0);
      },
      (error: unknown) => {
        logger.error({ err: error }, 'stopping failed');
        end(1);
      },
    );
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    if (isStopping) process.exit(1);
    stop(signal);
  };
  process.on('SIGTERM', cluster.isWorker ? stop : onSignal);
  process.on('SIGINT', cluster.isWorker ? () => undefined : onSignal);
  process.on('message', (message: Partial<PrimaryMessage>) => {
    if (message.deadwax === 'announce') void announce(app, message.firstToken ?? null);
  });
}

/**
 * Not ready at once, imports handed back at once; calls go on for `SHUTDOWN_DELAY_MS`, so that whoever sends them hears of it (a person
 * at a terminal, who sends SIGINT, need not wait for that); then the server closes, calls in hand finish, the database closes last.
 */
async function leave(app: NestFastifyApplication, signal: NodeJS.Signals): Promise<void> {
  const { departure } = app.getHttpAdapter().getInstance();
  departure.begin();
  setTimeout(() => {
    departure.cut();
  }, DRAIN_TIMEOUT_MS).unref();
  const handedBack = app.get(ImportLoop).stop();
  const { shutdownDelayMs } = app.get<Settings>(settings.KEY);
  const isServing = signal === 'SIGTERM' && app.get(DatabaseConnector).state === 'ready';
  if (isServing) await sleep(shutdownDelayMs);
  await handedBack;
  await app.close();
}

/** Says where the service is. In production, standard output belongs to the log alone. */
async function announce(app: NestFastifyApplication, firstToken: string | null): Promise<void> {
  const url = await app.getUrl();
  if (app.get<Settings>(settings.KEY).isProduction) new Logger('Server').log(`ready at ${url}`);
  else greet(url, firstToken);
}

/** Says how to try it. The token goes to standard output itself: logs are kept, and shipped. */
function greet(url: string, firstToken: string | null): void {
  const shown = url.replace('[::1]', 'localhost');
  const lines = [`Deadwax is ready at ${shown} (API: ${shown}/docs)`];
  if (firstToken !== null) {
    lines.push('', `The first admin token, shown this once: ${firstToken}`);
  }
  const token = firstToken ?? '$DEADWAX_TOKEN';
  lines.push(
    '',
    'Try it:',
    `  curl -X POST ${shown}/v1/tracks -H "Authorization: Bearer ${token}" -H 'Content-Type: application/json' -d '{"isrc":"${EXAMPLE_ISRC}"}'`,
    `  curl ${shown}/v1/tracks/${EXAMPLE_ISRC} -H "Authorization: Bearer ${token}"`,
    '',
  );
  process.stdout.write(`${lines.join('\n')}\n`);
}
