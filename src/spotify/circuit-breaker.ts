/** Calls in a row that must fail before nothing more is sent. */
const FAILURES_TO_OPEN = 5;

const SHORTEST_OPEN_MS = 10_000;
const LONGEST_OPEN_MS = 60_000;

/** What somebody else's probe may still take, told to those who come meanwhile. */
const PROBE_MS = 1000;

/** What a call says of its host: it answers, it does not, or the call never got that far. */
export type CallVerdict = 'answers' | 'fails' | 'unknown';

/** Leave to make one call; it has to be handed back with what became of it. */
export interface BreakerPass {
  /** False where the breaker opened since: the call must not be made any more. */
  isValid(): boolean;
  /** What changed by this call, if anything did. Calls from before the last change say nothing any more. */
  done(verdict: CallVerdict): 'opened' | 'closed' | null;
}

/** Stops calls to a host that fails time after time, then lets one through to see (half-open). Pure but for its clock. */
export class CircuitBreaker {
  private failures = 0;
  private openUntilMs = 0;
  private openForMs = 0;
  private isProbing = false;
  private epoch = 0;

  constructor(private readonly now: () => number) {}

  /** `open` until its time is over, then `half-open` until a probe says more. */
  get state(): 'closed' | 'open' | 'half-open' {
    if (this.openForMs === 0) return 'closed';
    return this.now() < this.openUntilMs ? 'open' : 'half-open';
  }

  /** Milliseconds until the next call may be tried; 0 where one may be made now. */
  get leftMs(): number {
    if (this.state === 'closed') return 0;
    return Math.max(this.openUntilMs - this.now(), this.isProbing ? PROBE_MS : 0);
  }

  /** Null where no call may be made now. */
  enter(): BreakerPass | null {
    if (this.leftMs > 0) return null;
    const isProbe = this.state === 'half-open';
    this.isProbing = isProbe;
    const { epoch } = this;
    const isValid = () => epoch === this.epoch;
    return { isValid, done: (verdict) => (isValid() ? this.judge(verdict, isProbe) : null) };
  }

  private judge(verdict: CallVerdict, isProbe: boolean): 'opened' | 'closed' | null {
    if (isProbe) this.isProbing = false;
    if (verdict === 'unknown') return null;
    if (verdict === 'answers') {
      this.failures = 0;
      return isProbe ? this.close() : null;
    }
    this.failures += 1;
    return isProbe || this.failures >= FAILURES_TO_OPEN ? this.open(isProbe) : null;
  }

  /** A failed probe leaves it open for twice as long, and is no news. */
  private open(isAgain: boolean): 'opened' | null {
    this.openForMs = Math.min(Math.max(this.openForMs * 2, SHORTEST_OPEN_MS), LONGEST_OPEN_MS);
    this.openUntilMs = this.now() + this.openForMs;
    this.epoch += 1;
    return isAgain ? null : 'opened';
  }

  private close(): 'closed' {
    this.openForMs = 0;
    this.epoch += 1;
    return 'closed';
  }
}
