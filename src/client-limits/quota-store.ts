import { setImmediate as loopTurn, setTimeout as sleep } from 'node:timers/promises';
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

/** After a failure the shared store is left alone for so long. */
const SUSPENSION_MS = 1_000;
/**
 * Turns of the event loop that an answer still gets when its time is up. In a process that was busy, or stopped, the timer is
 * due before anything was read: the answer may lie there, and a connection may hand it on in more than one step.
 */
const LAST_TURNS = 5;

/** A store shared with other processes, and one of this process' own for the time that the first does not answer. */
export class InsuredStore implements QuotaStore {
  private suspendedUntilMs = 0;
  private isFailing = false;

  /**
   * `tell` is called on each change: true where the shared store fails, or does not answer within `patienceMs`; false where it
   * is back. One call waits for that long at most: after it the shared store is asked beside the calls until it answers.
   */
  constructor(
    private readonly shared: QuotaStore,
    private readonly local: QuotaStore,
    private readonly patienceMs: number,
    private readonly tell: (isFailing: boolean) => void,
  ) {}

  async take(key: string, units: number): Promise<Taken> {
    if (this.isFailing) {
      if (performance.now() >= this.suspendedUntilMs) void this.ask(key, units);
      return this.local.take(key, units);
    }
    return (await this.ask(key, units)) ?? this.local.take(key, units);
  }

  forget(key: string): void {
    this.shared.forget(key);
    this.local.forget(key);
  }

  /** Null where the shared store fails or is too slow. */
  private async ask(key: string, units: number): Promise<Taken | null> {
    this.suspendedUntilMs = performance.now() + SUSPENSION_MS; // one question at a time while it fails
    const timer = new AbortController();
    const asked = this.shared.take(key, units).catch(() => null);
    const taken = await Promise.race([asked, this.lateness(timer.signal)]);
    timer.abort();
    this.setFailing(taken === null);
    return taken;
  }

  private async lateness(signal: AbortSignal): Promise<null> {
    await sleep(this.patienceMs, undefined, { signal }).catch(() => undefined);
    for (let turn = 0; turn < LAST_TURNS && !signal.aborted; turn++) await loopTurn();
    return null;
  }

  private setFailing(isFailing: boolean): void {
    if (isFailing) this.suspendedUntilMs = performance.now() + SUSPENSION_MS;
    if (isFailing === this.isFailing) return;
    this.isFailing = isFailing;
    this.tell(isFailing);
  }
}
