import type { EventEmitter } from 'node:events';
import { AppError } from './app-error';

/** How many may be at something at once in this process. */
interface PlaceLimits {
  readonly all: number;
  /** Of one caller. */
  readonly each: number;
  /** What they are at, in the plural: for the text of a refusal. */
  readonly what: string;
  /** When it is worth coming again. */
  readonly retryAfterSeconds: number;
}

/** What lasts long (uploads, files, streams) is bounded by places, of one caller and of all: many at once would be slow together. */
export class Places {
  private readonly takenBy = new Map<string, number>();
  private taken = 0;

  constructor(private readonly limits: PlaceLimits) {}

  /**
   * Takes a place.
   * @param caller `callerIdOf`
   * @returns gives it back; only the first time counts
   * @throws AppError `rate-limited` where this caller has as many as one may have, `overloaded` where all are taken
   */
  take(caller: string): () => void {
    const { all, each, what, retryAfterSeconds } = this.limits;
    const own = this.takenBy.get(caller) ?? 0;
    if (own >= each) {
      throw new AppError('rate-limited', `This caller has ${each} ${what} at once, which is the most.`, {
        retryAfterSeconds,
      });
    }
    if (this.taken >= all)
      throw new AppError('overloaded', `There are ${all} ${what} at once here already.`, {
        retryAfterSeconds,
      });
    this.taken += 1;
    this.takenBy.set(caller, own + 1);
    let isGiven = false;
    return () => {
      if (isGiven) return;
      isGiven = true;
      this.taken -= 1;
      const left = (this.takenBy.get(caller) ?? 1) - 1;
      if (left === 0) this.takenBy.delete(caller);
      else this.takenBy.set(caller, left);
    };
  }

  /**
   * Takes a place until the answer is sent, or its connection is gone.
   * @param answer the response of Node's server: `reply.raw`
   * @throws as `take`
   */
  takeUntilSent(caller: string, answer: EventEmitter & { readonly closed: boolean }): void {
    const give = this.take(caller);
    if (answer.closed) give();
    else answer.once('close', give);
  }
}
