/** Beyond this many keys at once, anything counts as written. */
const MAX_KEYS = 20_000;

/** What this process wrote within the last `windowMs`. Pure. */
export class OwnWrites {
  private readonly writtenAtMs = new Map<string, number>();
  private anythingAtMs = -Infinity;
  private lastAtMs = -Infinity;

  constructor(private readonly windowMs: number) {}

  /** Without keys, anything may have been written. */
  note(keys: readonly string[] | undefined, nowMs: number): void {
    this.lastAtMs = nowMs;
    this.forget(nowMs);
    if (keys === undefined || this.writtenAtMs.size + keys.length > MAX_KEYS) {
      this.anythingAtMs = nowMs;
      return;
    }
    for (const key of keys) {
      this.writtenAtMs.delete(key); // so that the oldest stand first
      this.writtenAtMs.set(key, nowMs);
    }
  }

  /** Whether any of `keys` (without: anything) was written lately. */
  touch(keys: readonly string[] | undefined, nowMs: number): boolean {
    const sinceMs = nowMs - this.windowMs;
    if (keys === undefined || this.anythingAtMs >= sinceMs) return this.lastAtMs >= sinceMs;
    if (this.lastAtMs < sinceMs) return false;
    return keys.some((key) => (this.writtenAtMs.get(key) ?? -Infinity) >= sinceMs);
  }

  private forget(nowMs: number): void {
    for (const [key, atMs] of this.writtenAtMs) {
      if (atMs >= nowMs - this.windowMs) return;
      this.writtenAtMs.delete(key);
    }
  }
}
