import { setImmediate as nextTurn } from 'node:timers/promises';
import { Timeline } from '../upstream-world';

/** A call that waits until the schedule lets it begin. */
interface Waiting {
  readonly caller: number;
  readonly order: number;
  readonly begin: () => Promise<unknown>;
}

/** As many calls as the schedule lets overlap. */
const MOST_TOGETHER = 3;
const TOGETHER_PORTION = 0.25;
/** What a call to the database takes, in simulated milliseconds. */
const CALL_MS = 8;
/** A schedule that needs more has got into a circle. */
const MOST_STEPS = 50_000;

/**
 * Simulated time, and the order in which real calls to a real database are made: both follow from the seed. A call begins when the
 * schedule lets it, alone or with a few others that then really overlap, and time stands still until it is done; when nobody has a call
 * to make, time goes to the next moment that somebody waits for. So hours pass in milliseconds, and nothing depends on how
 * fast the machine is.
 */
export class Simulation {
  private readonly timeline = new Timeline();
  private readonly startedMs = Date.now();
  private waiting: Waiting[] = [];
  private orders = 0;

  constructor(private readonly random: () => number) {}

  /** Milliseconds since it began. */
  get elapsedMs(): number {
    return this.timeline.now;
  }

  /** The right time, for those whose clocks go right. It begins at ours, since what is not simulated reads that. */
  get nowMs(): number {
    return this.startedMs + this.timeline.now;
  }

  /** Ends early, without an error, when the signal does. */
  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (signal?.aborted === true) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        signal?.removeEventListener('abort', end);
        resolve();
      };
      signal?.addEventListener('abort', end);
      this.timeline.at(this.timeline.now + ms, end);
    });
  }

  /** Makes a call once it is let. @param caller a number of the caller's own */
  inTurn<T>(caller: number, call: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const begin = () => {
        const done = call();
        done.then(resolve, reject);
        return done.catch(() => undefined);
      };
      this.waiting.push({ caller, order: (this.orders += 1), begin });
    });
  }

  /**
   * Lets it all happen until `work` is done.
   * @param look is called beside calls that overlap, and after each step
   * @throws Error where nobody waits for anything, or it does not end
   */
  async run(work: Promise<unknown>, look: () => Promise<void>): Promise<void> {
    let isOver = false;
    const end = () => {
      isOver = true;
    };
    work.then(end, end);
    const isStill = () => this.waiting.length === 0 && !isOver;
    for (let steps = 0; steps < MOST_STEPS; steps += 1) {
      await nextTurn(); // whatever can go on without a call or time passing does so
      if (isOver as boolean) {
        await work;
        return;
      }
      const chosen = this.choose();
      if (chosen.length > 0) {
        const calls = chosen.map(({ begin }) => begin());
        if (chosen.length > 1) calls.push(look());
        await Promise.all(calls);
        await look();
        this.timeline.runUntil(this.timeline.now + this.random() * CALL_MS);
      } else if (!this.timeline.runNext()) {
        await nextTurn();
        if (isStill()) throw new Error('the schedule stands still');
      }
    }
    throw new Error('the schedule does not end');
  }

  private choose(): Waiting[] {
    // By caller: the order in which calls that overlapped came back is not the seed's.
    this.waiting.sort((a, b) => a.caller - b.caller || a.order - b.order);
    const count = this.random() < TOGETHER_PORTION ? 1 + Math.floor(this.random() * MOST_TOGETHER) : 1;
    const chosen: Waiting[] = [];
    while (chosen.length < count && this.waiting.length > 0) {
      chosen.push(...this.waiting.splice(Math.floor(this.random() * this.waiting.length), 1));
    }
    return chosen;
  }
}
