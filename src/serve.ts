import { Logger } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { configureApp } from './app';
import { AppModule } from './app.module';
import { ApiTokensService } from './auth/api-tokens.service';
import { createHttpAdapter } from './common/http-server';
import { type Settings, SettingsError, settings } from './config/settings';
import { DatabaseConnector, DatabaseFaultError } from './database/database.connector';

/** What a shutdown may take before the process ends by force. */
const SHUTDOWN_TIMEOUT_MS = 25_000;
const EXAMPLE_ISRC = 'USWB10102873';

/** Runs the server until a signal ends it. Faults of the settings or the database end it with a message and no stack. */
export async function serve(): Promise<void> {
  try {
    settings(); // checked before Nest starts, whose error log would add a stack
    const app = await NestFactory.create<NestFastifyApplication>(AppModule, createHttpAdapter(), {
      abortOnError: false,
      bufferLogs: true,
      bodyParser: false,
    });
    configureApp(app);
    stopOnSignals(app);
    const { host, port, isProduction } = app.get<Settings>(settings.KEY);
    await app.listen(port, host);
    const database = app.get(DatabaseConnector);
    await database.open();
    if (database.state !== 'ready') return; // a signal came first
    const firstToken = await app.get(ApiTokensService).ensureFirstToken();
    const url = await app.getUrl();
    // In production, standard output belongs to the log alone.
    if (isProduction) new Logger('Server').log(`ready at ${url}`);
    else greet(url, firstToken);
  } catch (error) {
    fail(error);
  }
}

/** Ends the process with a message for whoever started it. */
export function fail(error: unknown): never {
  const isForeseen =
    error instanceof SettingsError || error instanceof DatabaseFaultError || isListenError(error);
  console.error(isForeseen ? (error as Error).message : error);
  process.exit(1);
}

function isListenError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && error.syscall === 'listen';
}

/**
 * SIGTERM and SIGINT: no new calls, calls in flight finish, the database closes last, exit code 0. A second signal, or a
 * shutdown that takes too long, ends the process at once. (Nest's own hooks would raise the signal again: exit code 143.)
 */
function stopOnSignals(app: NestFastifyApplication): void {
  let isStopping = false;
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (isStopping) process.exit(1);
      isStopping = true;
      setTimeout(() => process.exit(1), SHUTDOWN_TIMEOUT_MS).unref();
      app.close().then(
        () => process.exit(0),
        (error: unknown) => {
          console.error(error);
          process.exit(1);
        },
      );
    });
  }
}

/** Says where the service is and how to try it. The token goes to standard output itself: logs are kept, and shipped. */
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
