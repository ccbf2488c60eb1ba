import { Admission } from './admission';

const WAIT_MS = 3_000;
const TICK_MS = 500;

describe('the admission of calls', () => {
  let admission: Admission;
  beforeEach(() => {
    jest.useFakeTimers();
    admission = new Admission(2, WAIT_MS, TICK_MS);
  });
  afterEach(() => {
    admission.close();
    jest.useRealTimers();
  });

  /** Comes in, and remembers what became of it. */
  function call() {
    const fate = { was: 'waiting', leave: (): void => undefined };
    fate.leave = admission.come((isAdmitted) => {
      fate.was = isAdmitted ? 'admitted' : 'refused';
    });
    return fate;
  }
  const fates = (calls: readonly { was: string }[]): string[] => calls.map(({ was }) => was);

  it('takes in what it can hold, and the next in the order they came, one for each that leaves', () => {
    const calls = [call(), call(), call(), call()];
    expect(fates(calls)).toEqual(['admitted', 'admitted', 'waiting', 'waiting']);
    calls[0]?.leave();
    calls[0]?.leave(); // counts once
    expect(fates(calls)).toEqual(['admitted', 'admitted', 'admitted', 'waiting']);
    const late = call();
    calls[1]?.leave();
    expect(fates([...calls, late])).toEqual(['admitted', 'admitted', 'admitted', 'admitted', 'waiting']);
  });

  it('does not take in who went away while waiting', () => {
    const calls = [call(), call(), call(), call()];
    calls[2]?.leave();
    calls[0]?.leave();
    expect(fates(calls)).toEqual(['admitted', 'admitted', 'waiting', 'admitted']);
  });

  it('refuses who waited too long while calls come and go, and not before', () => {
    const busy = setInterval(() => {
      // As fast as its calls end, others of the same kind are in hand: the two places are never free.
      for (const each of holders.splice(0)) each.leave();
    }, TICK_MS * 100);
    const holders = [call(), call()];
    const many = Array.from({ length: 40 }, call);
    jest.advanceTimersByTime(WAIT_MS - TICK_MS);
    expect(fates(many)).not.toContain('refused');
    jest.advanceTimersByTime(2 * TICK_MS);
    expect(fates(many).filter((was) => was === 'waiting')).toEqual([]);
    expect(fates(many).filter((was) => was === 'refused').length).toBeGreaterThan(20);
    clearInterval(busy);
  });

  it('lets others in where those in hand wait for something else', () => {
    const slow = [call(), call()];
    const next = [call(), call()];
    jest.advanceTimersByTime(2 * TICK_MS);
    expect(fates(next)).toEqual(['admitted', 'admitted']);
    // Their end makes no room a second time.
    for (const each of slow) each.leave();
    expect(call().was).toBe('waiting');
  });
});
