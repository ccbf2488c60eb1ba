/** Calls in hand at a time; more at once do not get done sooner, they only cost memory. */
const MAX_IN_HAND = 256;
/** How long a call may wait for its turn before it is told to come back. */
const MAX_WAIT_MS = 3_000;
/** A call in hand for one to two of these waits for something else than this process, and is not counted any more. */
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
 * A call that takes long, because it waits for the source or streams, gives up its place to others after a while.
 */
export class Admission {
  /** Calls that came in during this tick, and the one before. */
  private current = { count: 0 };
  private previous = { count: 0 };
  private readonly waiting: Waiter[] = [];
  private readonly ticker: NodeJS.Timeout;

  constructor(
    private readonly maxInHand = MAX_IN_HAND,
    private readonly maxWaitMs = MAX_WAIT_MS,
    private readonly tickMs = TICK_MS,
  ) {
    this.ticker = setInterval(() => {
      this.tick();
    }, this.tickMs).unref();
  }

  /**
   * Calls `enter` when it is the call's turn, at once where there is room, with the function that ends it; with null where
   * the wait was too long. Returns what to call when the caller goes away or the call is answered.
   */
  come(enter: (isAdmitted: boolean) => void): Leave {
    if (this.waiting.length === 0 && this.inHand < this.maxInHand) {
      const leave = this.admit();
      enter(true);
      return leave;
    }
    let leave: Leave | null = null;
    const waiter: Waiter = {
      deadlineMs: performance.now() + this.maxWaitMs,
      isGone: false,
      enter: (admitted) => {
        leave = admitted;
        enter(admitted !== null);
      },
    };
    this.waiting.push(waiter);
    return () => {
      waiter.isGone = true;
      leave?.();
    };
  }

  close(): void {
    clearInterval(this.ticker);
  }

  private get inHand(): number {
    return this.current.count + this.previous.count;
  }

  private admit(): Leave {
    const tick = this.current;
    tick.count++;
    let isOver = false;
    return () => {
      if (isOver) return;
      isOver = true;
      tick.count--;
      if (this.waiting.length > 0) this.admitWaiting();
    };
  }

  private tick(): void {
    this.previous = this.current;
    this.current = { count: 0 };
    this.admitWaiting();
    const now = performance.now();
    const stillInTime = this.waiting.findIndex(({ deadlineMs }) => deadlineMs > now);
    const late = this.waiting.splice(0, stillInTime === -1 ? this.waiting.length : stillInTime);
    for (const { enter, isGone } of late) if (!isGone) enter(null);
  }

  private admitWaiting(): void {
    while (this.inHand < this.maxInHand) {
      const waiter = this.waiting.shift();
      if (waiter === undefined) return;
      if (!waiter.isGone) waiter.enter(this.admit());
    }
  }
}
