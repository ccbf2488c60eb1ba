import { Inject, Injectable, Logger } from '@nestjs/common';
import cluster from 'node:cluster';
import {
  type RateLimiterAbstract,
  RateLimiterCluster,
  RateLimiterMemory,
  RateLimiterRedis,
} from 'rate-limiter-flexible';
import { AppError } from '../common/app-error';
import { type Settings, settings } from '../config/settings';
import { RedisConnection } from '../redis/redis-connection';
import { addressKeyOf } from './address-key';
import { Allowance, type Standing } from './allowance';
import { InsuredStore, LimiterStore, type QuotaStore } from './quota-store';

const WINDOW_S = 60;
/** How long a call may wait for the shared count before this process counts alone. */
const SHARED_PATIENCE_MS = 250;

/** Whom a call is charged to: what `auth/caller.ts` calls a caller. */
export interface Payer {
  readonly kind: string;
  readonly subject: string;
}

/** How a call is told of the limits: draft-ietf-httpapi-ratelimit-headers, version 10 (structured fields). */
export type LimitHeaders = Readonly<Record<'ratelimit-policy' | 'ratelimit', string>>;

/**
 * What clients may send: units per caller once they are known, and failed authentications per address before that.
 * Who has a good token is never held up by others behind the same address. Counted in Redis where there is one, in the
 * primary where there are several workers, else in this process; while the shared count is away, in each process.
 */
@Injectable()
export class ClientLimits {
  private readonly logger = new Logger(ClientLimits.name);
  private readonly requests: Allowance | null;
  private readonly failures: Allowance | null;
  private readonly requestPolicy: string;

  constructor(
    @Inject(settings.KEY) { clientLimits }: Settings,
    private readonly redis: RedisConnection,
  ) {
    const { requestsPerMinute, failuresPerMinute } = clientLimits;
    this.requests = this.allowance('requests', requestsPerMinute);
    this.failures = this.allowance('failures', failuresPerMinute);
    this.requestPolicy = policyOf('default', requestsPerMinute);
  }

  /**
   * Charges a caller for a call: one unit, or more where the call does the work of several (GraphQL).
   * @returns headers for the answer; null where there is no limit
   * @throws AppError `rate-limited`; nothing is charged then
   */
  charge(payer: Payer, units = 1): LimitHeaders | null | Promise<LimitHeaders> {
    if (this.requests === null) return null;
    const standing = this.requests.take(`${payer.kind}:${payer.subject}`, units);
    return standing instanceof Promise ? standing.then((each) => this.answer(each)) : this.answer(standing);
  }

  /**
   * Counts a failed authentication against the address that it came from.
   * @throws AppError `rate-limited` where the address has failed too often of late
   */
  async countFailure(address: string | undefined): Promise<void> {
    if (this.failures === null) return;
    const standing = await this.failures.take(addressKeyOf(address), 1);
    if (standing.isGranted) return;
    throw refusal(
      'Too many calls without a valid token came from this address. Calls with a valid token are answered.',
      standing,
      headersOf('failed-authentication', policyOf('failed-authentication', this.failures.quota), standing),
    );
  }

  private answer(standing: Standing): LimitHeaders {
    const headers = headersOf('default', this.requestPolicy, standing);
    if (standing.isGranted) return headers;
    throw refusal('This client has used up its allowance of calls for the moment.', standing, headers);
  }

  private allowance(name: string, perMinute: number): Allowance | null {
    if (perMinute === 0) return null;
    const options = { keyPrefix: `deadwax:${name}`, points: perMinute, duration: WINDOW_S };
    const local = new LimiterStore(new RateLimiterMemory(options), true);
    const shared = this.sharedLimiter(options);
    const store =
      shared === null ? local : this.insure(name, new LimiterStore(shared, !this.hasRedis), local);
    return new Allowance(perMinute, WINDOW_S * 1000, store);
  }

  private insure(name: string, shared: QuotaStore, local: QuotaStore): QuotaStore {
    return new InsuredStore(shared, local, SHARED_PATIENCE_MS, (isFailing) => {
      if (isFailing) this.logger.warn(`the shared count of ${name} does not answer; counting alone`);
      else this.logger.log(`the shared count of ${name} answers`);
    });
  }

  private get hasRedis(): boolean {
    return this.redis.client !== null;
  }

  private sharedLimiter(options: {
    keyPrefix: string;
    points: number;
    duration: number;
  }): RateLimiterAbstract | null {
    const { client } = this.redis;
    if (client !== null) {
      return new RateLimiterRedis({ ...options, storeClient: client, rejectIfRedisNotReady: true });
    }
    return cluster.isWorker ? new RateLimiterCluster({ ...options, timeoutMs: 1_000 }) : null;
  }
}

const policyOf = (name: string, quota: number): string => `"${name}";q=${quota};w=${WINDOW_S}`;

const headersOf = (name: string, policy: string, { remaining, resetMs }: Standing): LimitHeaders => ({
  'ratelimit-policy': policy,
  ratelimit: `"${name}";r=${remaining};t=${Math.ceil(resetMs / 1000)}`,
});

function refusal(detail: string, { resetMs }: Standing, headers: LimitHeaders): AppError {
  return new AppError('rate-limited', detail, { retryAfterSeconds: resetMs / 1000, headers });
}
