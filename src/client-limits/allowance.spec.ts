import { RateLimiterMemory } from 'rate-limiter-flexible';
import { Allowance, type Standing } from './allowance';
import { LimiterStore, type QuotaStore, type Taken } from './quota-store';

const WINDOW_MS = 60_000;

/** A store in plain sight, on the test's own clock. */
class CountingStore implements QuotaStore {
  visits = 0;
  readonly forgotten: string[] = [];
  private readonly windows = new Map<string, { used: number; endsAtMs: number }>();

  constructor(
    private readonly quota: number,
    private readonly clock: { ms: number },
  ) {}

  async take(key: string, units: number): Promise<Taken> {
    this.visits++;
    await Promise.resolve();
    let window = this.windows.get(key);
    if (window === undefined || this.clock.ms >= window.endsAtMs) {
      window = { used: 0, endsAtMs: this.clock.ms + WINDOW_MS };
      this.windows.set(key, window);
    }
    const left = Math.max(0, this.quota - window.used);
    window.used += units;
    return {
      granted: Math.min(left, units),
      remaining: Math.max(0, left - units),
      resetMs: window.endsAtMs - this.clock.ms,
    };
  }

  forget(key: string): void {
    this.forgotten.push(key);
  }
}

function setUp(quota: number, processes = 1) {
  const clock = { ms: 1000 };
  const store = new CountingStore(quota, clock);
  const allowances = Array.from(
    { length: processes },
    () => new Allowance(quota, WINDOW_MS, store, () => clock.ms),
  );
  return { clock, store, allowances, allowance: allowances[0] ?? fail() };
}

function fail(): never {
  throw new Error('no such allowance');
}

async function takeMany(allowances: readonly Allowance[], count: number): Promise<Standing[]> {
  const standings: Standing[] = [];
  for (let at = 0; at < count; at++) {
    standings.push(await (allowances[at % allowances.length] ?? fail()).take('a', 1));
  }
  return standings;
}

const granted = (standings: readonly Standing[]): number =>
  standings.filter(({ isGranted }) => isGranted).length;

describe('an allowance', () => {
  it.each([1, 5, 99, 250, 6000])('of %i grants just that many, then none', async (quota) => {
    const { allowance } = setUp(quota);
    const standings = await takeMany([allowance], quota + 20);
    expect(standings.map(({ isGranted }) => isGranted).indexOf(false)).toBe(quota);
    expect(granted(standings)).toBe(quota);
    expect(standings.map(({ remaining }) => remaining)).toEqual(
      standings.map((_, at) => Math.max(0, quota - at - 1)),
    );
  });

  it('is whole again when its window is over, and tells when that will be', async () => {
    const { allowance, clock } = setUp(300);
    expect(granted(await takeMany([allowance], 400))).toBe(300);
    clock.ms += WINDOW_MS - 1;
    expect(await allowance.take('a', 1)).toMatchObject({ isGranted: false, resetMs: 1 });
    clock.ms += 1;
    expect(granted(await takeMany([allowance], 400))).toBe(300);
  });

  it('of one key is not touched by another', async () => {
    const { allowance } = setUp(3);
    await takeMany([allowance], 10);
    expect(await allowance.take('b', 1)).toMatchObject({ isGranted: true, remaining: 2 });
  });

  it('charges several units together, all or none', async () => {
    const { allowance } = setUp(20);
    expect(await allowance.take('a', 16)).toMatchObject({ isGranted: true, remaining: 4 });
    expect(await allowance.take('a', 5)).toMatchObject({ isGranted: false, remaining: 4 });
    expect(await allowance.take('a', 4)).toMatchObject({ isGranted: true, remaining: 0 });
    expect(await allowance.take('b', 21)).toMatchObject({ isGranted: false, remaining: 20 });
    expect(await allowance.take('b', 20)).toMatchObject({ isGranted: true });
  });

  it('holds for callers who come at the same time', async () => {
    const { allowance } = setUp(50);
    const standings = await Promise.all(Array.from({ length: 80 }, async () => allowance.take('a', 1)));
    expect(granted(standings)).toBe(50);
  });

  it.each([20, 100, 6000])('of %i is shared by processes, and never exceeded', async (quota) => {
    const { allowances } = setUp(quota, 4);
    const count = granted(await takeMany(allowances, quota + 100));
    expect(count).toBeLessThanOrEqual(quota);
    expect(count).toBeGreaterThanOrEqual(quota - 3 * Math.floor(quota / 100));
  });

  it('asks the store about once for each portion', async () => {
    const { allowance, store } = setUp(6000);
    await takeMany([allowance], 3000);
    expect(store.visits).toBeLessThan(120);
    // What is at hand is given without a promise.
    expect(allowance.take('a', 1)).toMatchObject({ isGranted: true });
  });

  it('forgets the keys used longest ago when there are too many', async () => {
    const { allowance, store } = setUp(10);
    for (let at = 0; at < 30_000; at++) await allowance.take(`key ${at}`, 1);
    expect(store.forgotten).toHaveLength(20_000);
    expect(store.forgotten[0]).toBe('key 0');
  });
});

describe('a store of the library', () => {
  it('gives the last taker what is left', async () => {
    const limiter = new RateLimiterMemory({ keyPrefix: 'test', points: 10, duration: 60 });
    const store = new LimiterStore(limiter, true);
    expect(await store.take('a', 7)).toMatchObject({ granted: 7, remaining: 3 });
    expect(await store.take('a', 7)).toMatchObject({ granted: 3, remaining: 0 });
    expect(await store.take('a', 7)).toMatchObject({ granted: 0, remaining: 0 });
    store.forget('a');
    expect(await store.take('a', 7)).toMatchObject({ granted: 7 });
  });
});
