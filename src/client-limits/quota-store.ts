import { type RateLimiterAbstract, RateLimiterRes } from 'rate-limiter-flexible';

/** What a store gave away. */
export interface Taken {
  /** Of the units asked for; less than those only where the quota ends. */
  readonly granted: number;
  /** Units left in the store after this. */
  readonly remaining: number;
  /** Until the window ends and the quota is whole again. */
  readonly resetMs: number;
}

/** Counts what was taken from a quota in fixed windows, each of which begins with the first unit taken. */
export interface QuotaStore {
  take(key: string, units: number): Promise<Taken>;
  /** The key is not needed any more; a store that keeps it in the memory of this machine drops it. */
  forget(key: string): void;
}

/** A limiter of rate-limiter-flexible as a store. The one before the last taker may get a part of what they ask for. */
export class LimiterStore implements QuotaStore {
  constructor(
    private readonly limiter: RateLimiterAbstract,
    private readonly isLocal: boolean,
  ) {}

  async take(key: string, units: number): Promise<Taken> {
    const result = await this.limiter.consume(key, units).catch((refused: unknown) => {
      if (refused instanceof RateLimiterRes) return refused;
      throw refused;
    });
    // Refused or not, all units are counted: ours are those above what was consumed before, as far as the quota goes.
    const left = this.limiter.points - (result.consumedPoints - units);
    return {
      granted: Math.max(0, Math.min(units, left)),
      remaining: Math.max(0, left - units),
      resetMs: Math.max(1, result.msBeforeNext),
    };
  }

  forget(key: string): void {
    if (this.isLocal) this.limiter.delete(key).catch(() => undefined);
  }
}

/** For this long after a failure everybody is served from the local store: limits must not make calls slow. */
const SUSPENSION_MS = 1_000;

/** A store shared with other processes, and one of this process' own for the time that the first does not answer. */
export class InsuredStore implements QuotaStore {
  private suspendedUntilMs = 0;
  private isFailing = false;

  /** `tell` is called on each change: true where the shared store does not answer within `patienceMs`, false where it is back. */
  constructor(
    private readonly shared: QuotaStore,
    private readonly local: QuotaStore,
    private readonly patienceMs: number,
    private readonly tell: (isFailing: boolean) => void,
  ) {}

  async take(key: string, units: number): Promise<Taken> {
    if (performance.now() < this.suspendedUntilMs) return this.local.take(key, units);
    let timer: NodeJS.Timeout | undefined;
    const isLate = new Promise<null>((resolve) => {
      // In a busy process the answer may have arrived and wait to be read: one more turn of the loop reads it.
      timer = setTimeout(() => setImmediate(resolve, null), this.patienceMs);
    });
    const asked = this.shared.take(key, units).catch(() => null);
    const taken = await Promise.race([asked, isLate]);
    clearTimeout(timer);
    this.setFailing(taken === null);
    return taken ?? this.local.take(key, units);
  }

  forget(key: string): void {
    this.shared.forget(key);
    this.local.forget(key);
  }

  private setFailing(isFailing: boolean): void {
    if (isFailing) this.suspendedUntilMs = performance.now() + SUSPENSION_MS;
    if (isFailing === this.isFailing) return;
    this.isFailing = isFailing;
    this.tell(isFailing);
  }
}
