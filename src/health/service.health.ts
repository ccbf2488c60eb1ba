import { Injectable } from '@nestjs/common';
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import { VERSION } from '../config/version';
import { RecordingSource } from '../recording/recording-source';

/** What this process is and stands on. */
@Injectable()
export class ServiceHealth {
  constructor(
    private readonly indicator: HealthIndicatorService,
    private readonly source: RecordingSource,
  ) {}

  /** Which source serves, and how it is doing. It is not asked: that would spend its quota. Never down: what is stored is served. */
  async checkSource(): Promise<HealthIndicatorResult> {
    const { state, ...figures } = await this.source.report();
    const check = this.indicator.check('source');
    const data = { name: this.source.name, ...figures };
    return state === 'ok' ? check.up(data) : check.degraded(data);
  }

  /** Version, seconds since start, resident memory in bytes. */
  checkProcess(): HealthIndicatorResult {
    return this.indicator.check('process').up({
      version: VERSION,
      uptimeSeconds: Math.floor(process.uptime()),
      residentBytes: process.memoryUsage.rss(),
    });
  }
}
