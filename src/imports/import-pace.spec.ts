import { addSample, type PaceSample, ratePerMinute, secondsLeft } from './import-pace';

const NO_LIMIT = { callsPerMinute: null, callsPerDay: null, callsLeftToday: null };
const DAY = 86_400;

describe('ratePerMinute', () => {
  it('is that of the last minute', () => {
    let samples: PaceSample[] = [];
    for (let second = 0; second <= 600; second += 1) {
      const perSecond = second <= 300 ? 10 : 1; // it slows down
      const done = second <= 300 ? second * perSecond : 3000 + (second - 300) * perSecond;
      samples = addSample(samples, second * 1000, done);
    }
    expect(samples.length).toBeLessThan(20);
    expect(ratePerMinute(samples, 600_000, 3300)).toBeCloseTo(60, 0);
    expect(ratePerMinute(samples, 660_000, 3300)).toBe(0);
  });

  it('is known as soon as something was measured, and not before', () => {
    expect(ratePerMinute([], 1000, 0)).toBeNull();
    expect(ratePerMinute([[0, 0]], 100, 5)).toBeNull();
    expect(ratePerMinute([[0, 0]], 1000, 5)).toBe(300);
  });

  it('forgets what a clock says that was set back', () => {
    const samples = addSample([[0, 0], [3_600_000, 100]], 5_000, 110); // prettier-ignore
    expect(samples).toEqual([[0, 0], [5_000, 110]]); // prettier-ignore
  });
});

describe('secondsLeft', () => {
  const left = (over: Partial<Parameters<typeof secondsLeft>[0]>) =>
    secondsLeft({ rate: null, pending: 100, waitMs: 0, allowance: NO_LIMIT, ...over });

  it('goes by the rate, and by what the source allows before there is one', () => {
    expect(left({})).toBeNull();
    expect(left({ rate: 60 })).toBe(100);
    expect(left({ allowance: { ...NO_LIMIT, callsPerMinute: 30 } })).toBe(200);
    expect(left({ rate: 60, allowance: { ...NO_LIMIT, callsPerMinute: 30 } })).toBe(200);
    expect(left({ rate: 60, waitMs: 50_000 })).toBe(150);
    expect(left({ rate: 60, pending: 0 })).toBe(0);
  });

  it('takes as many days as the calls of a day make it', () => {
    const allowance = { callsPerMinute: 34, callsPerDay: 800, callsLeftToday: 800 };
    const days = (left({ pending: 50_000, allowance }) ?? 0) / DAY;
    expect(days).toBeGreaterThan(61.5);
    expect(days).toBeLessThan(62.5);
    expect(left({ pending: 800, allowance })).toBe(Math.ceil((800 / 34) * 60));
    // The calls of today are used up: what is left begins when they come back.
    expect(left({ pending: 34, waitMs: 3_600_000, allowance: { ...allowance, callsLeftToday: 0 } })).toBe(
      3600 + 60,
    );
    expect(left({ pending: 834, allowance })).toBe(DAY + 60);
  });
});
