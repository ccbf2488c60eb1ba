// Kept from before any test installs fake timers: the stand-in lives in the same process and must not freeze.
const { setTimeout, clearTimeout } = globalThis;

/** All waiting of the stand-in, in one place, so that stopping can end it. */
export class Pauses {
  private readonly sleepers = new Map<NodeJS.Timeout, () => void>();
  private readonly holds = new Set<symbol>();
  private waiting: (() => void)[] = [];

  /** Holds all API calls back until the function returned is called; holds add up. */
  hold(): () => void {
    const key = Symbol('hold');
    this.holds.add(key);
    return () => {
      this.holds.delete(key);
      if (this.holds.size === 0) this.releaseAll();
    };
  }

  async untilReleased(): Promise<void> {
    while (this.holds.size > 0) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  async sleep(ms: number): Promise<void> {
    if (ms <= 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        this.sleepers.delete(timer);
        resolve();
      }, ms);
      this.sleepers.set(timer, resolve);
    });
  }

  /** Ends every wait at once. */
  stop(): void {
    this.holds.clear();
    this.releaseAll();
    for (const [timer, resolve] of this.sleepers) {
      clearTimeout(timer);
      resolve();
    }
    this.sleepers.clear();
  }

  private releaseAll(): void {
    const waiting = this.waiting;
    this.waiting = [];
    for (const resolve of waiting) resolve();
  }
}
