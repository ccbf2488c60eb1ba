import { createStackParser, createTransport, Scope } from '@sentry/core';
import { nodeStackLineParser, ServerRuntimeClient } from '@sentry/core/server';
import type { FailureContext, TelemetrySink } from '../common/telemetry';
import { VERSION } from '../config/version';
import { redactorOf } from './secret-redaction';

/** An event that was not taken by then is lost; 64 of them wait at most (the bound of Sentry's transport). */
const SEND_TIMEOUT_MS = 5000;
const FLUSH_TIMEOUT_MS = 2500;

/**
 * Sends errors that nobody foresaw to Sentry: stack, release, environment, request id, template of the route. Nothing of
 * the request itself goes along, and texts go through the redaction of the log. Sentry's core without its agents, which
 * would patch modules for what OpenTelemetry does here.
 */
export class SentrySink implements TelemetrySink {
  private readonly client: ServerRuntimeClient;

  constructor({
    dsn,
    environment,
    secrets,
  }: {
    dsn: string;
    environment: string;
    secrets: readonly (string | null | undefined)[];
  }) {
    const redact = redactorOf(secrets);
    this.client = new ServerRuntimeClient({
      dsn,
      environment,
      release: `deadwax@${VERSION}`,
      platform: 'node',
      runtime: { name: 'node', version: process.version },
      integrations: [],
      stackParser: createStackParser(nodeStackLineParser()),
      transport: (options) =>
        createTransport(options, async ({ body }) => {
          const answer = await fetch(options.url, {
            method: 'POST',
            body,
            headers: { 'content-type': 'application/x-sentry-envelope' },
            signal: AbortSignal.timeout(SEND_TIMEOUT_MS),
          });
          await answer.arrayBuffer();
          return {
            statusCode: answer.status,
            headers: {
              'x-sentry-rate-limits': answer.headers.get('x-sentry-rate-limits'),
              'retry-after': answer.headers.get('retry-after'),
            },
          };
        }),
      beforeSend: (event) => JSON.parse(redact(JSON.stringify(event))) as typeof event,
    });
    this.client.init();
  }

  report(error: unknown, { requestId, route, job }: FailureContext): void {
    const scope = new Scope();
    scope.setTags({ requestId, route, job });
    this.client.captureException(error, undefined, scope);
  }

  async flush(): Promise<void> {
    await this.client.flush(FLUSH_TIMEOUT_MS);
  }
}
