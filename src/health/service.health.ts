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

  /** Which source serves. It is not asked: that would spend its quota. */
  checkSource(): HealthIndicatorResult {
    return this.indicator.check('source').up({ name: this.source.name });
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
