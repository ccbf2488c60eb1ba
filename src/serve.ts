import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import cluster from 'node:cluster';
import { configureApp } from './app';
import { AppModule } from './app.module';
import { ApiTokensService } from './auth/api-tokens.service';
import { createHttpAdapter } from './common/http-server';
import { type Settings, SettingsError, settings, settingsWithSource } from './config/settings';
import { DatabaseConnector, DatabaseFaultError } from './database/database.connector';
import { ImportLoop } from './imports/import-loop';
import { Primary, type PrimaryMessage, type WorkerMessage } from './primary';

/** How long calls in flight may take after a signal; then their connections are cut, so that all the rest can close. */
const DRAIN_TIMEOUT_MS = 20_000;
/** What a shutdown may take before the process ends by force. */
const SHUTDOWN_TIMEOUT_MS = 25_000;
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
    await app.listen(port, host);
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

/** Ends the process with a message for whoever started it. */
export function fail(error: unknown): void {
  const isForeseen =
    error instanceof SettingsError || error instanceof DatabaseFaultError || isListenError(error);
  if (cluster.isWorker && isForeseen) {
    // All workers meet the same fault: the primary says it once.
    tellPrimary({ deadwax: 'fault', message: (error as Error).message }, () => process.exit(1));
    return;
  }
  console.error(isForeseen ? (error as Error).message : error);
  process.exit(1);
}

function isListenError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && ['listen', 'bind'].includes(String(error.syscall));
}

function tellPrimary(message: WorkerMessage, then: () => void = () => undefined): void {
  process.send?.(message, undefined, undefined, then);
}

/**
 * SIGTERM and SIGINT: no new calls, calls in flight finish, the database closes last, exit code 0. A second signal, or a
 * shutdown that takes too long, ends the process at once. (Nest's own hooks would raise the signal again: exit code 143.)
 * A worker obeys the SIGTERM of its primary, as often as it comes: a terminal, or who ends a whole process group, signals both.
 */
function stopWhenTold(app: NestFastifyApplication): void {
  let isStopping = false;
  const stop = (): void => {
    if (isStopping) return;
    isStopping = true;
    setTimeout(() => process.exit(1), SHUTDOWN_TIMEOUT_MS).unref();
    setTimeout(() => {
      app.getHttpAdapter().getInstance().server.closeAllConnections();
    }, DRAIN_TIMEOUT_MS).unref();
    app.close().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  };
  const onSignal = (): void => {
    if (isStopping) process.exit(1);
    stop();
  };
  process.on('SIGTERM', cluster.isWorker ? stop : onSignal);
  process.on('SIGINT', cluster.isWorker ? () => undefined : onSignal);
  process.on('message', (message: Partial<PrimaryMessage>) => {
    if (message.deadwax === 'announce') void announce(app, message.firstToken ?? null);
  });
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
