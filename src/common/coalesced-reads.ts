interface Waiting<V> {
  readonly found: Promise<V | null>;
  readonly resolve: (value: V | null) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Reads by key that are asked for in one turn of the event loop, or while earlier ones are under way, made together, each key
 * once. A read only ever joins others that have not begun: so it finds all that was committed before it was asked for.
 */
export class CoalescedReads<V> {
  private waiting = new Map<string, Waiting<V>>();
  private running = 0;
  private isDue = false;

  /** @param readMany finds what there is of these keys; it is given `maxKeys` at most, by `maxRunning` calls at once */
  constructor(
    private readonly readMany: (keys: string[]) => Promise<ReadonlyMap<string, V>>,
    private readonly limits: { readonly maxKeys: number; readonly maxRunning: number },
  ) {}

  /** @throws what `readMany` throws */
  find(key: string): Promise<V | null> {
    const known = this.waiting.get(key);
    if (known !== undefined) return known.found;
    let resolve!: Waiting<V>['resolve'];
    let reject!: Waiting<V>['reject'];
    const found = new Promise<V | null>((yes, no) => {
      resolve = yes;
      reject = no;
    });
    this.waiting.set(key, { found, resolve, reject });
    if (!this.isDue) {
      this.isDue = true;
      setImmediate(() => {
        this.isDue = false;
        this.depart();
      });
    }
    return found;
  }

  private depart(): void {
    while (this.waiting.size > 0 && this.running < this.limits.maxRunning) {
      const batch = this.take();
      this.running += 1;
      this.readMany([...batch.keys()])
        .then(
          (values) => {
            for (const [key, { resolve }] of batch) resolve(values.get(key) ?? null);
          },
          (error: unknown) => {
            for (const { reject } of batch.values()) reject(error);
          },
        )
        .finally(() => {
          this.running -= 1;
          this.depart();
        });
    }
  }

  private take(): Map<string, Waiting<V>> {
    const all = this.waiting;
    if (all.size <= this.limits.maxKeys) {
      this.waiting = new Map();
      return all;
    }
    const batch = new Map<string, Waiting<V>>();
    for (const [key, one] of all) {
      if (batch.size === this.limits.maxKeys) break;
      batch.set(key, one);
      all.delete(key);
    }
    return batch;
  }
}
