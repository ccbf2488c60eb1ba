import { Logger } from '@nestjs/common';
import { AppError } from '../common/app-error';
import type { JwtAlgorithm } from './jwt-header';
import { findKeys, type JwtKey } from './jwt-key-set';
import type { JwtKeySource } from './jwt-key-source';
import type { JwtClock } from './jwt-ports';

/** Between two questions to the provider, however many unknown keys are named meanwhile. */
export const KEYS_COOLDOWN_MS = 30_000;
/** The same while there are no keys at all: whoever waits for a provider that is just starting, waits less. */
const EMPTY_COOLDOWN_MS = 5_000;
/** From this age on, keys are asked for anew beside the call that meets them. */
const REFRESH_AFTER_MS = 300_000;
/** Nothing heard of the provider for so long, good or bad: the call waits for it. A key that was removed is so refused within ten minutes. */
const UNCONFIRMED_AFTER_MS = 570_000;
/** Through an outage, or a list without keys, they are good for so long. A provider that is down cannot take back a key either. */
export const KEYS_KEPT_MS = 24 * 3_600_000;

/** The keys of the identity provider could not be had yet, or are too old. */
class IdentityProviderUnavailableError extends AppError {
  constructor(retryAfterSeconds: number) {
    super('identity-provider-unavailable', 'The identity provider cannot be asked for its keys.', {
      retryAfterSeconds,
    });
  }
}

/** How the identity provider does, for whoever runs the service. */
export interface IdentityProviderReport {
  /** `degraded` where the last question failed, or the answer had no key of use. */
  readonly state: 'ok' | 'degraded';
  readonly keys: number;
  /** Since they were last confirmed; null before the first time. */
  readonly keysAgeSeconds: number | null;
  readonly lastSuccessAt: string | null;
  readonly lastFailure: { readonly at: string; readonly message: string } | null;
}

interface Held {
  readonly keys: readonly JwtKey[];
  readonly atMs: number;
}

/**
 * The provider's keys: fetched when first needed, refreshed, kept through an outage. However many ask, one question is
 * under way at a time, and none within the cooldown after the one before.
 */
export class JwtKeys {
  private readonly logger = new Logger('JwtKeys');
  private held: Held | null = null;
  private lastFailure: { readonly atMs: number; readonly message: string } | null = null;
  private lastAttemptMs = -Infinity;
  private flight: Promise<void> | null = null;

  constructor(
    private readonly source: Pick<JwtKeySource, 'fetch'>,
    private readonly now: JwtClock,
  ) {}

  /**
   * The keys that a token can mean; none where the provider has no such key. One that is not known is asked for, within the cooldown.
   * @throws IdentityProviderUnavailableError
   */
  async find(kid: string | null, alg: JwtAlgorithm): Promise<JwtKey[]> {
    await this.keepFresh();
    let keys = this.meantBy(kid, alg);
    if (keys.length === 0) {
      await this.refresh();
      keys = this.meantBy(kid, alg);
    }
    if (this.held === null) throw new IdentityProviderUnavailableError(this.secondsToNextAttempt());
    return keys;
  }

  /**
   * Other keys that the token can mean now, after none of `refused` fitted its signature: a provider may put a new key under the old
   * name, or name none. Asks within the cooldown, as for a name that is not known.
   */
  async findOthers(refused: readonly JwtKey[], kid: string | null, alg: JwtAlgorithm): Promise<JwtKey[]> {
    await this.refresh();
    return this.meantBy(kid, alg).filter((key) => !refused.includes(key));
  }

  /** Whether a key is of those that are good now. Ask `keepFresh` first. */
  isGood(key: JwtKey): boolean {
    return this.held?.keys.includes(key) === true;
  }

  /** Refreshes the keys where they are due. A promise, to wait for, only where they are too old to be used without. */
  keepFresh(): Promise<void> | null {
    const nowMs = this.now();
    if (this.held === null) return this.refresh();
    const ageMs = nowMs - this.held.atMs;
    if (ageMs >= 0 && ageMs < REFRESH_AFTER_MS) return null;
    if (ageMs >= KEYS_KEPT_MS || ageMs < -KEYS_KEPT_MS) this.held = null;
    const pending = this.refresh();
    const heardMs = Math.max(this.held?.atMs ?? -Infinity, this.lastFailure?.atMs ?? -Infinity);
    return this.held === null || Math.abs(nowMs - heardMs) >= UNCONFIRMED_AFTER_MS ? pending : null;
  }

  /** Asks the provider unless that was done within the cooldown; joins a question that is under way. Never rejects. */
  refresh(): Promise<void> | null {
    if (this.flight === null && this.msToNextAttempt() <= 0) {
      this.lastAttemptMs = this.now();
      this.flight = this.fetch().finally(() => {
        this.flight = null;
      });
    }
    return this.flight;
  }

  report(): IdentityProviderReport {
    const { held, lastFailure } = this;
    const hasFailed = lastFailure !== null && lastFailure.atMs >= (held?.atMs ?? -Infinity);
    return {
      state: hasFailed || held?.keys.length === 0 ? 'degraded' : 'ok',
      keys: held?.keys.length ?? 0,
      keysAgeSeconds: held && Math.max(0, Math.floor((this.now() - held.atMs) / 1000)),
      lastSuccessAt: held && new Date(held.atMs).toISOString(),
      lastFailure: lastFailure && {
        at: new Date(lastFailure.atMs).toISOString(),
        message: lastFailure.message,
      },
    };
  }

  private meantBy(kid: string | null, alg: JwtAlgorithm): JwtKey[] {
    return this.held === null ? [] : findKeys(this.held.keys, kid, alg);
  }

  private async fetch(): Promise<void> {
    const wasDegraded = this.report().state === 'degraded';
    try {
      const startedMs = this.now();
      const fetched = await this.source.fetch(startedMs);
      const before = this.held?.keys ?? [];
      // No provider lives without a key: an empty list is a fault of it, as an error would be, and takes nothing back.
      if (fetched.length === 0 && before.length > 0) throw new Error('it publishes no key of use any more');
      // A key that stays is the same object as before: what was verified with it stays good.
      const keys = fetched.map(
        (key) => before.find(({ fingerprint }) => fingerprint === key.fingerprint) ?? key,
      );
      this.held = { keys, atMs: startedMs };
      if (keys.length === 0) this.logger.warn('the identity provider has no key that could verify a token');
      else if (wasDegraded) this.logger.log({ keys: keys.length }, 'the identity provider answers again');
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.lastFailure = { atMs: this.now(), message };
      if (!wasDegraded) this.logger.warn({ reason: message }, 'the identity provider cannot be asked');
    }
  }

  private msToNextAttempt(): number {
    const cooldownMs = this.held === null ? EMPTY_COOLDOWN_MS : KEYS_COOLDOWN_MS;
    const sinceMs = this.now() - this.lastAttemptMs;
    return sinceMs < 0 ? 0 : cooldownMs - sinceMs;
  }

  private secondsToNextAttempt(): number {
    return Math.max(1, Math.ceil(this.msToNextAttempt() / 1000));
  }
}
