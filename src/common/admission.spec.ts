import { Admission } from './admission';

const WAIT_MS = 3_000;
const TICK_MS = 500;

describe('the admission of calls', () => {
  let admission: Admission;
  /** What the event loop is said to be in use. */
  let utilization: number;
  const admissionOf = (maxInHand: number, maxWaiting?: number): Admission =>
    new Admission(maxInHand, WAIT_MS, TICK_MS, maxWaiting, () => utilization);
  beforeEach(() => {
    jest.useFakeTimers();
    utilization = 0;
    admission = admissionOf(2);
  });
  afterEach(() => {
    admission.close();
    jest.useRealTimers();
  });

  /** Comes in, and remembers what became of it. */
  function call() {
    const fate = { was: 'waiting', leave: (): void => undefined };
    const leave = admission.come((isAdmitted) => {
      fate.was = isAdmitted ? 'admitted' : 'refused';
    });
    fate.leave = () => {
      leave();
      jest.advanceTimersByTime(0); // a turn of the event loop
    };
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

  it('refuses at once who would wait in vain, and lets more wait where it goes faster', () => {
    admission.close();
    admission = admissionOf(2, 3);
    const calls = Array.from({ length: 7 }, call);
    expect(fates(calls.slice(4))).toEqual(['waiting', 'refused', 'refused']);
    expect(admission.refusesNow()).toBe(true);
    for (const each of calls) each.leave();
    for (let at = 0; at < 20; at++) call().leave();
    jest.advanceTimersByTime(TICK_MS);
    // 25 came in within a tick: in six ticks 150 could.
    const [holder] = [call(), call()];
    const many = Array.from({ length: 151 }, call);
    expect(fates(many).filter((was) => was === 'waiting')).toHaveLength(150);
    holder.leave();
    expect(admission.refusesNow()).toBe(false);
  });

  it('takes no more in hand than it soon gets done where the process has no time left', () => {
    admission.close();
    admission = admissionOf(256);
    const calls = Array.from({ length: 400 }, call);
    const inHand = (): number => fates(calls).filter((was) => was === 'admitted').length;
    expect(inHand()).toBe(64);
    // It has time: they wait for something else.
    jest.advanceTimersByTime(TICK_MS);
    expect(inHand()).toBe(128);
    // It has none: that they take long makes no room for others.
    utilization = 1;
    const done = calls.slice(0, 40);
    for (const each of done) each.leave();
    const before = inHand();
    jest.advanceTimersByTime(2 * TICK_MS);
    expect(inHand()).toBe(before);
    // Of 128 in hand all end but 10: 16 are in hand at a time from now on.
    for (const each of calls.slice(40, before - 10)) each.leave();
    expect(inHand()).toBe(before + 6);
    utilization = 0;
    jest.advanceTimersByTime(TICK_MS);
    expect(inHand()).toBeGreaterThan(before + 6);
  });

  it('lets the event loop turn before one takes the place of another', () => {
    admission.close();
    admission = admissionOf(1);
    const leave = admission.come(() => undefined);
    const next = call();
    leave();
    expect(next.was).toBe('waiting');
    jest.advanceTimersByTime(0);
    expect(next.was).toBe('admitted');
  });
});
