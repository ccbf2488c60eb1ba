import { setImmediate as loopTurn } from 'node:timers/promises';

/**
 * One piece of work in each turn of the event loop, first come, first served. For work that does not wait for anything, as a read
 * by better-sqlite3: many of them in a row would keep probes and short reads waiting until the last one is done.
 */
export class LoopTurns {
  private last: Promise<unknown> = Promise.resolve();

  /** Resolves when it is the caller's turn. Work of others follows in later turns. */
  take(): Promise<unknown> {
    this.last = this.last.then(() => loopTurn());
    return this.last;
  }
}
