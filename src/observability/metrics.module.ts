import { Module, type OnApplicationShutdown } from '@nestjs/common';
import { telemetry } from '../common/telemetry';
import { Metrics } from './metrics';

@Module({ providers: [Metrics], exports: [Metrics] })
export class MetricsModule implements OnApplicationShutdown {
  /** The server has closed by then: nothing is to be told any more. */
  async onApplicationShutdown(): Promise<void> {
    await telemetry.flush();
  }
}
