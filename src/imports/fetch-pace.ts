const FIRST_WIDTH = 4;
const MAX_WIDTH = 16;

/** Source errors in a row that say: it is not these rows, it is the source. */
const FAULTS_OF_THE_SOURCE = 5;
const FIRST_STANDSTILL_SECONDS = 60;
const LONGEST_STANDSTILL_SECONDS = 600;

/**
 * How many codes are asked for at once, learned from the answers: one more for each round that goes well, half as many when the source
 * asks to wait. And when to stop asking, since it answers nothing but errors.
 */
export class FetchPace {
  private width = FIRST_WIDTH;
  private faults = 0;

  get atOnce(): number {
    return Math.floor(this.width);
  }

  noteAnswer(): void {
    this.faults = 0;
    this.width = Math.min(MAX_WIDTH, this.width + 1 / this.width);
  }

  noteHold(): void {
    this.width = Math.max(1, this.width / 2);
  }

  /** Seconds to stand still, where the source is at fault rather than the row; else null. */
  noteFault(): number | null {
    this.faults += 1;
    const beyond = this.faults - FAULTS_OF_THE_SOURCE;
    if (beyond < 0) return null;
    return Math.min(FIRST_STANDSTILL_SECONDS * 2 ** Math.min(beyond, 10), LONGEST_STANDSTILL_SECONDS);
  }
}
