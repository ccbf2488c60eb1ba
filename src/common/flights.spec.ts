import { Flights } from './flights';

/** Work that ends when it is told to. */
function slowWork() {
  const signals: AbortSignal[] = [];
  const ends: ((value: boolean) => void)[] = [];
  const work = (signal: AbortSignal) => {
    signals.push(signal);
    return new Promise<boolean>((resolve, reject) => {
      ends.push(resolve);
      signal.addEventListener('abort', () => {
        reject(signal.reason as Error);
      });
    });
  };
  return { work, signals, end: (value: boolean) => ends.at(-1)?.(value) };
}

const GONE = new Error('gone');

describe('Flights', () => {
  it('does the work once for all who want it, and tells one of them', async () => {
    const flights = new Flights<boolean>();
    const { work, signals, end } = slowWork();
    const all = Promise.all([1, 2, 3].map(() => flights.join('a', work)));
    end(true);
    expect(await all).toEqual([
      { result: true, isStarter: true },
      { result: true, isStarter: false },
      { result: true, isStarter: false },
    ]);
    expect(signals).toHaveLength(1);
  });

  it('does it anew for those who come later, and for another key', async () => {
    const flights = new Flights<boolean>();
    const work = jest.fn(() => Promise.resolve(true));
    await flights.join('a', work);
    await Promise.all([flights.join('a', work), flights.join('b', work)]);
    expect(work).toHaveBeenCalledTimes(3);
  });

  it('fails for all who wait', async () => {
    const flights = new Flights<boolean>();
    const failing = () => Promise.reject(new Error('no'));
    const all = await Promise.allSettled([flights.join('a', failing), flights.join('a', failing)]);
    expect(all.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });

  it('goes on while somebody waits, whoever started it', async () => {
    const flights = new Flights<boolean>();
    const { work, signals, end } = slowWork();
    const starter = new AbortController();
    const started = flights.join('a', work, starter.signal);
    const joined = flights.join('a', work, new AbortController().signal);
    starter.abort(GONE);
    await expect(started).rejects.toBe(GONE);
    expect(signals[0]?.aborted).toBe(false);
    end(true);
    await expect(joined).resolves.toEqual({ result: true, isStarter: false });
  });

  it('is cancelled when the last has gone, and not joined any more', async () => {
    const flights = new Flights<boolean>();
    const { work, signals, end } = slowWork();
    const callers = [new AbortController(), new AbortController()];
    const waits = Promise.allSettled(callers.map(({ signal }) => flights.join('a', work, signal)));
    for (const caller of callers) caller.abort(GONE);
    await waits;
    expect(signals[0]).toMatchObject({ aborted: true, reason: GONE });

    const next = flights.join('a', work);
    end(true);
    await expect(next).resolves.toEqual({ result: true, isStarter: true });
    expect(signals).toHaveLength(2);
  });

  it('is not even begun for somebody who has gone', async () => {
    const work = jest.fn(() => Promise.resolve(true));
    await expect(new Flights<boolean>().join('a', work, AbortSignal.abort(GONE))).rejects.toBe(GONE);
    expect(work).not.toHaveBeenCalled();
  });
});
