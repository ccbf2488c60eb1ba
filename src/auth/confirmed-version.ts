/** What is remembered is trusted for so long after the version was read. Half of the 5 s promised, and slack. */
const TRUSTED_MS = 3_000;
/** From this age on the version is read again beside the calls, so that few of them have to wait. */
const REFRESHED_AFTER_MS = 1_500;

interface Reading {
  readonly beganMs: number;
  readonly done: Promise<void>;
}

/**
 * Keeps a memory of database rows no staler than `TRUSTED_MS`, by a number that changes with them: one small read for
 * all callers, every second or three while there are any. Ages count from the moment that a read began: what it tells was true then.
 */
export class ConfirmedVersion {
  private version: number | null = null;
  private confirmedMs = -Infinity;
  private reading: Reading | null = null;

  /**
   * @param read asks the database
   * @param forget is called when the version is another one than before: what was read of the rows until then may be old
   * @param now milliseconds of a clock that is never set
   */
  constructor(
    private readonly read: () => Promise<number>,
    private readonly forget: () => void,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /**
   * Resolves when what is remembered may be trusted; at once, unless the version was not read lately.
   * @throws the database's error where it does not answer
   */
  async confirm(): Promise<void> {
    const nowMs = this.now();
    const ageMs = nowMs - this.confirmedMs;
    if (ageMs < REFRESHED_AFTER_MS) return;
    const { reading } = this;
    const current = reading !== null && nowMs - reading.beganMs < TRUSTED_MS ? reading : this.start(nowMs);
    if (ageMs >= TRUSTED_MS) await current.done;
  }

  /** Whether what is remembered may be trusted without asking for anything. */
  isConfirmed(): boolean {
    return this.now() - this.confirmedMs < REFRESHED_AFTER_MS;
  }

  /** The version that was read is known to be old: the next caller waits for the new one. */
  expire(): void {
    this.confirmedMs = -Infinity;
    this.reading = null;
  }

  private start(beganMs: number): Reading {
    const reading = { beganMs, done: this.ask(beganMs) };
    this.reading = reading;
    const end = () => {
      if (this.reading === reading) this.reading = null;
    };
    reading.done.then(end, end); // who waits for it is told of a failure; who does not tries again
    return reading;
  }

  private async ask(beganMs: number): Promise<void> {
    const version = await this.read();
    if (beganMs <= this.confirmedMs) return; // a later read was faster
    this.confirmedMs = beganMs;
    if (version !== this.version) this.forget();
    this.version = version;
  }
}
