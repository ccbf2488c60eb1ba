import { LoggerModule } from 'nestjs-pino';
import type { LogFn, Logger as PinoLogger } from 'pino';
import type { Options } from 'pino-http';
import { currentCall } from '../common/request-identity';
import { telemetry } from '../common/telemetry';
import { type Settings, settings } from '../config/settings';
import { standardLogOutput } from './log-output';
import { redactorOf } from './secret-redaction';

/** Nest's own account of its start: one line a module and a route, of no use to whoever runs the service. */
const FRAMEWORK_CONTEXTS = new Set([
  'InstanceLoader',
  'RoutesResolver',
  'RouterExplorer',
  'NestFactory',
  'NestApplication',
]);

const NOTHING = {};

/**
 * Structured logs: one JSON line an event on standard output, readable text on a terminal. Every line written while a
 * call is served carries its request id. Headers and bodies are never logged; what is redacted here is a second net,
 * the hook on the finished line a third.
 */
export const LoggingModule = LoggerModule.forRootAsync({
  inject: [settings.KEY],
  useFactory: (settings: Settings) => ({
    // No middleware: `logRequests` writes the line of a finished call, which knows its route.
    forRoutes: [],
    pinoHttp: process.stdout.isTTY
      ? {
          ...optionsOf(settings),
          transport: { target: 'pino-pretty', options: { singleLine: true, ignore: 'hostname,pid' } },
        }
      : [optionsOf(settings), standardLogOutput()],
  }),
});

function optionsOf({ logLevel, auth, spotify }: Settings): Options {
  return {
    level: logLevel,
    base: null,
    timestamp: timeField,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: {
      paths: ['req.headers', '*.authorization', '*.Authorization', '*.clientSecret', '*.password'],
      remove: true,
    },
    hooks: {
      streamWrite: redactorOf([auth.bootstrapToken, spotify?.clientSecret]),
      logMethod(this: PinoLogger, args: Parameters<LogFn>, method: LogFn, level: number): void {
        const { context } = args[0] as { context?: string };
        const isChatter =
          level === this.levels.values['info'] && context !== undefined && FRAMEWORK_CONTEXTS.has(context);
        if (!isChatter) method.apply(this, args);
      },
    },
    // Merged into a copy: pino writes the fields of the line into what it is given.
    mixin: () => NOTHING,
    // The line of a finished call says so itself: it is the most frequent one, and copied for nothing.
    mixinMergeStrategy: (line: object) =>
      'requestId' in line ? line : { ...currentCall.getStore(), ...telemetry.logFields(), ...line },
  };
}

let atMs = -1;
let atField = '';

/** The moment in ISO 8601; made once a millisecond. */
function timeField(): string {
  const nowMs = Date.now();
  if (nowMs !== atMs) {
    atMs = nowMs;
    atField = `,"time":"${new Date(nowMs).toISOString()}"`;
  }
  return atField;
}
