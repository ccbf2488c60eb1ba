/** Tries beyond the first that each call pays in: at most 1.2 times as many calls are made as were asked for. */
const A_CALL = 0.2;

/** What a fresh process may use before it has paid in: a first call may be tried three times. */
const AT_START = 2;

/** A long time without failures must not pay for a storm. */
const MOST = 10;

/** Bounds retries by the calls asked for, so that an outage is not made worse by those who wait for its end. */
export class RetryBudget {
  private left = AT_START;

  /** A call was made that somebody asked for. */
  payIn(): void {
    this.left = Math.min(this.left + A_CALL, MOST);
  }

  /** Takes one more try, where there is one. */
  take(): boolean {
    // A fifth is no exact binary fraction: five of them are a hair less than one.
    if (this.left < 1 - 1e-9) return false;
    this.left -= 1;
    return true;
  }
}
