/** Calls in hand at a time; more at once do not get done sooner, they only cost memory. */
const MAX_IN_HAND = 256;
/** To begin with: before it is known how long they take. */
const FIRST_IN_HAND = 64;
/** Of calls that each take long to work on, still so many, so that the database has work meanwhile. */
const MIN_IN_HAND = 16;
/** What a process that has no time left takes in hand: what it gets done in so long. */
const BUSY_IN_HAND_MS = 250;
/** A process whose event loop rests for less than the rest of this has no time left. */
const BUSY = 0.9;
/** How long a call may wait for its turn before it is told to come back. */
const MAX_WAIT_MS = 3_000;
/** Calls that may wait whatever the pace: a burst of this size is no overload yet. */
const MAX_WAITING = 2_048;
/** A call in hand for one to two of these while the process has time waits for something else, and is not counted any more. */
const TICK_MS = 500;

/** Ends a call's time in hand. May be called twice. */
type Leave = () => void;

interface Waiter {
  readonly deadlineMs: number;
  readonly enter: (leave: Leave | null) => void;
  isGone: boolean;
}

/**
 * Takes a bounded number of calls in hand, and lets the others wait in the order they came in, for a bounded time.
 * So what can be served is served at full speed however many ask, and who cannot be served hears of it in time.
 * A process that has no time left takes in hand only what it soon gets done: were it to work on all at once, all would be late.
 * While it has time, a call that takes long, because it waits for the source or streams, gives up its place after a while.
 */
export class Admission {
  /** Calls that came in during this tick, and the one before. */
  private current = { count: 0 };
  private previous = { count: 0 };
  private admittedInTick = 0;
  private endedInTick = 0;
  private refused = 0;
  private limit: number;
  /** Who came after so many would wait in vain, going by the pace of the last tick. */
  private mostWaiting: number;
  private readonly waiting: Waiter[] = [];
  private turn: NodeJS.Immediate | null = null;
  private readonly admitInTurn = (): void => {
    this.turn = null;
    this.admitWaiting();
  };
  private readonly ticker: NodeJS.Timeout;

  constructor(
    private readonly maxInHand = MAX_IN_HAND,
    private readonly maxWaitMs = MAX_WAIT_MS,
    private readonly tickMs = TICK_MS,
    private readonly maxWaiting = MAX_WAITING,
    /** Of the time since it was last asked, the share in which the event loop was not idle. */
    private readonly utilization = loopUtilization(),
  ) {
    this.limit = Math.min(FIRST_IN_HAND, maxInHand);
    this.mostWaiting = maxWaiting;
    this.ticker = setInterval(() => {
      this.tick();
    }, this.tickMs).unref();
  }

  /**
   * Calls `enter` when it is the call's turn, at once where there is room; with false where the wait was, or would be, too
   * long. Returns what to call when the caller goes away or the call is answered.
   */
  come(enter: (isAdmitted: boolean) => void): Leave {
    const leaveAtOnce = this.comeAtOnce();
    if (leaveAtOnce !== null) {
      enter(true);
      return leaveAtOnce;
    }
    if (this.refusesNow()) {
      enter(false);
      return () => undefined;
    }
    let leave: Leave | null = null;
    const waiter: Waiter = {
      deadlineMs: performance.now() + this.maxWaitMs,
      isGone: false,
      enter: (admitted) => {
        leave = admitted;
        if (admitted === null) this.refused++;
        enter(admitted !== null);
      },
    };
    this.waiting.push(waiter);
    return () => {
      waiter.isGone = true;
      leave?.();
    };
  }

  /** Takes a call in hand where there is room for it now; else null, and it has to `come`. */
  comeAtOnce(): Leave | null {
    return this.waiting.length === 0 && this.inHand < this.limit ? this.admit() : null;
  }

  /** Whether a call that comes now is refused at once. To be asked once for each call: refusals are counted. */
  refusesNow(): boolean {
    const isFull = this.waiting.length >= this.mostWaiting;
    if (isFull) this.refused++;
    return isFull;
  }

  /** Calls in hand and waiting now, how many are taken in hand at a time, and how many were refused since the start. */
  report(): { inHand: number; waiting: number; limit: number; refused: number } {
    const { inHand, waiting, limit, refused } = this;
    return { inHand, waiting: waiting.length, limit, refused };
  }

  close(): void {
    clearInterval(this.ticker);
    if (this.turn !== null) clearImmediate(this.turn);
  }

  private get inHand(): number {
    return this.current.count + this.previous.count;
  }

  private admit(): Leave {
    const tick = this.current;
    tick.count++;
    this.admittedInTick++;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      tick.count--;
      this.endedInTick++;
      // Not before others had the event loop: where each call makes room for the next at once, probes and goodbyes are not heard.
      if (this.waiting.length > 0) this.turn ??= setImmediate(this.admitInTurn);
    };
  }

  private tick(): void {
    this.mostWaiting = Math.max(this.maxWaiting, (this.admittedInTick * this.maxWaitMs) / this.tickMs);
    this.admittedInTick = 0;
    if (this.utilization() > BUSY) {
      this.setLimit((this.endedInTick * BUSY_IN_HAND_MS) / this.tickMs);
    } else {
      this.setLimit(this.waiting.length > 0 ? 2 * this.limit : FIRST_IN_HAND);
      this.previous = this.current;
      this.current = { count: 0 };
    }
    this.endedInTick = 0;
    this.admitWaiting();
    const now = performance.now();
    const stillInTime = this.waiting.findIndex(({ deadlineMs }) => deadlineMs > now);
    const late = this.waiting.splice(0, stillInTime === -1 ? this.waiting.length : stillInTime);
    for (const { enter, isGone } of late) if (!isGone) enter(null);
  }

  private setLimit(limit: number): void {
    this.limit = Math.min(Math.max(Math.floor(limit), MIN_IN_HAND), this.maxInHand);
  }

  private admitWaiting(): void {
    while (this.inHand < this.limit) {
      const waiter = this.waiting.shift();
      if (waiter === undefined) return;
      if (!waiter.isGone) waiter.enter(this.admit());
    }
  }
}

function loopUtilization(): () => number {
  let last = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    return utilization;
  };
}
