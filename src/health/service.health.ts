import { Inject, Injectable } from '@nestjs/common';
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import { setTimeout as sleep } from 'node:timers/promises';
import { JwtKeys } from '../auth/jwt-keys';
import { RecordingSource } from '../recording/recording-source';
import { RedisConnection } from '../redis/redis-connection';

/** A provider that hangs is told as it was found the last time. */
const PROVIDER_PATIENCE_MS = 1_000;

/** What this process stands on, beside its database. */
@Injectable()
export class ServiceHealth {
  constructor(
    private readonly indicator: HealthIndicatorService,
    private readonly source: RecordingSource,
    @Inject(JwtKeys) private readonly keys: JwtKeys | null,
    private readonly redis: RedisConnection,
  ) {}

  /** Which source serves, and how it is doing. It is not asked: that would spend its quota. Never down: what is stored is served. */
  async checkSource(): Promise<HealthIndicatorResult> {
    const { state, ...figures } = await this.source.report();
    const check = this.indicator.check('source');
    const data = { name: this.source.name, ...figures };
    return state === 'ok' ? check.up(data) : check.degraded(data);
  }

  /**
   * How the identity provider does, and how old its keys are; nothing where there is none. It is asked, within the cooldown. Never
   * down: keys are kept through an outage, and API tokens need none.
   */
  async checkIdentityProvider(): Promise<HealthIndicatorResult> {
    if (this.keys === null) return {};
    const patience = new AbortController();
    await Promise.race([
      this.keys.refresh(),
      sleep(PROVIDER_PATIENCE_MS, undefined, { signal: patience.signal }).catch(() => undefined),
    ]);
    patience.abort();
    const { state, ...figures } = this.keys.report();
    const check = this.indicator.check('identityProvider');
    return state === 'ok' ? check.up(figures) : check.degraded(figures);
  }

  /** Whether what several machines share can be reached; nothing where no Redis is set. Never down: each process does without. */
  checkRedis(): HealthIndicatorResult {
    if (this.redis.client === null) return {};
    const check = this.indicator.check('redis');
    return this.redis.isReady ? check.up() : check.degraded('away: each process counts limits alone');
  }
}
