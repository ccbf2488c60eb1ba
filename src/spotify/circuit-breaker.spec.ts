import { CircuitBreaker, type CallVerdict } from './circuit-breaker';

function breakerWithClock() {
  const clock = { ms: 1_000_000 };
  const breaker = new CircuitBreaker(() => clock.ms);
  const call = (verdict: CallVerdict) => breaker.enter()?.done(verdict);
  const fail = (times: number) => Array.from({ length: times }, () => call('fails'));
  return { breaker, clock, call, fail };
}

describe('CircuitBreaker', () => {
  it('opens at the fifth failure in a row, for ten seconds', () => {
    const { breaker, clock, fail } = breakerWithClock();
    expect(fail(5)).toEqual([null, null, null, null, 'opened']);
    expect(breaker).toMatchObject({ state: 'open', leftMs: 10_000 });
    expect(breaker.enter()).toBeNull();
    clock.ms += 9999;
    expect(breaker.enter()).toBeNull();
    clock.ms += 1;
    expect(breaker).toMatchObject({ state: 'half-open', leftMs: 0 });
  });

  it('counts failures in a row only', () => {
    const { breaker, call, fail } = breakerWithClock();
    fail(4);
    call('answers');
    fail(4);
    call('unknown');
    expect(breaker.state).toBe('closed');
    expect(fail(1)).toEqual(['opened']);
  });

  it('lets exactly one probe through, and closes when it is answered', () => {
    const { breaker, clock, fail } = breakerWithClock();
    fail(5);
    clock.ms += 10_000;
    const probe = breaker.enter();
    expect(breaker.enter()).toBeNull();
    expect(breaker.leftMs).toBe(1000);
    expect(probe?.done('answers')).toBe('closed');
    expect(breaker).toMatchObject({ state: 'closed', leftMs: 0 });
    expect(fail(4)).toEqual([null, null, null, null]);
  });

  it('doubles its time with each failed probe, to a minute at most, and begins anew after a good one', () => {
    const { breaker, clock, call, fail } = breakerWithClock();
    fail(5);
    for (const seconds of [10, 20, 40, 60, 60]) {
      expect(breaker.leftMs).toBe(seconds * 1000);
      clock.ms += seconds * 1000;
      expect(call('fails')).toBeNull();
    }
    clock.ms += 60_000;
    expect(call('answers')).toBe('closed');
    fail(5);
    expect(breaker.leftMs).toBe(10_000);
  });

  it('lets another probe through where the first one said nothing', () => {
    const { breaker, clock, call, fail } = breakerWithClock();
    fail(5);
    clock.ms += 10_000;
    call('unknown');
    expect(breaker.state).toBe('half-open');
    expect(call('answers')).toBe('closed');
  });

  it('takes no word from calls of before', () => {
    const { breaker, clock, fail } = breakerWithClock();
    const [late, later] = [breaker.enter(), breaker.enter()];
    fail(5);
    expect(late?.isValid()).toBe(false);
    expect(late?.done('answers')).toBeNull();
    expect(breaker.state).toBe('open');
    clock.ms += 10_000;
    const probe = breaker.enter();
    expect(later?.done('fails')).toBeNull();
    expect(probe?.isValid()).toBe(true);
    expect(probe?.done('answers')).toBe('closed');
  });
});
