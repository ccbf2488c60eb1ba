import { telemetry } from '../common/telemetry';
import { prepareNewRelic } from '../config/new-relic-environment';
import type { Settings } from '../config/settings';

/**
 * Loads the sinks that the settings name, and nothing of those they do not. To be called before the modules of the app are
 * loaded: New Relic's agent follows only what is loaded after it.
 */
export async function startTelemetry({ telemetry: sinks, auth, spotify }: Settings): Promise<void> {
  const { environment, newRelic, sentryDsn, otlpEndpoint } = sinks;
  if (newRelic !== null) {
    prepareNewRelic(newRelic);
    const { NewRelicSink } = await import('./new-relic.js');
    telemetry.use(new NewRelicSink());
  }
  if (otlpEndpoint !== null) {
    const { TraceSink } = await import('./traces.js');
    telemetry.use(new TraceSink({ endpoint: otlpEndpoint, environment }));
  }
  if (sentryDsn !== null) {
    const { SentrySink } = await import('./sentry.js');
    telemetry.use(
      new SentrySink({ dsn: sentryDsn, environment, secrets: [auth.bootstrapToken, spotify?.clientSecret] }),
    );
  }
}
