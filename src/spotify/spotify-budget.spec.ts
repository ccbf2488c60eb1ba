import { type BudgetLimits, type BudgetState, emptyBudget, type Lane } from './budget-state';
import { fromStored, type StoredBudget, toStored } from './budget-store';
import { describe as describeBudget, recordAnswer, reserve } from './spotify-budget';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const NOW = Date.UTC(2026, 10, 20);

describe('what the budget lets through', () => {
  it('uses the day to its end, and then waits for room', () => {
    const limits = limitsOf({ requestsPerDay: 3 });
    let state = emptyBudget();
    for (const minutes of [0, 10, 20]) state = go(state, NOW + minutes * MINUTE_MS, limits);
    const { decision } = reserve(state, { now: NOW + HOUR_MS, lane: 'interactive', limits });
    expect(decision).toMatchObject({ kind: 'wait', reason: 'day' });
    if (decision.kind !== 'wait') return;
    // Buckets of five minutes, and the time that a call may take.
    expect(decision.untilMs).toBe(NOW + DAY_MS + 5 * MINUTE_MS + limits.callTimeoutMs);
    expect(reserve(state, { now: decision.untilMs, lane: 'bulk', limits }).decision.kind).toBe('go');
  });

  it('lets a handful of callers who wait go at once, fewer once Spotify has refused, and bulk work one by one', () => {
    const limits = limitsOf({ requestsPer30s: 25 });
    const goneAtOnce = (from: BudgetState, lane: Lane, now: number): number => {
      for (let state = from, gone = 0; ; gone += 1) {
        const reserved = reserve(state, { now, lane, limits });
        if (reserved.decision.kind === 'wait') {
          expect(reserved.decision.reason).toBe('pace');
          return gone;
        }
        state = reserved.state;
      }
    };
    expect(goneAtOnce(emptyBudget(), 'interactive', NOW)).toBe(12);
    expect(goneAtOnce(emptyBudget(), 'bulk', NOW)).toBeLessThanOrEqual(2);

    let state = emptyBudget();
    for (let call = 0; call < 20; call += 1) state = go(state, NOW + call * 2000, limits);
    const lastAt = NOW + 19 * 2000;
    const refused = recordAnswer(state, {
      now: lastAt,
      sentAt: lastAt,
      outcome: 'rate-limited',
      retryAfterMs: 1000,
    });
    const probing = reserve(refused, { now: lastAt + 60_000, lane: 'interactive', limits });
    const open = recordAnswer(probing.state, {
      now: lastAt + 60_100,
      sentAt: lastAt + 60_000,
      outcome: 'ok',
    });
    const onceRefused = goneAtOnce(open, 'interactive', lastAt + 120_000);
    expect([4, 5]).toContain(onceRefused); // the interval is no whole number: the last one may be a rounding late
  });

  it('keeps few numbers for many calls of a day', () => {
    const limits = limitsOf({});
    let state = emptyBudget();
    for (let at = NOW; at < NOW + 2 * DAY_MS; at += MINUTE_MS) state = go(state, at, limits);
    expect(state.day.length).toBeLessThan(300);
    expect(state.log.length).toBeLessThan(3);
  });

  it('changes nothing where there is nothing to store', () => {
    const limits = limitsOf({});
    const refused = recordAnswer(go(emptyBudget(), NOW, limits), quotaAt(NOW, HOUR_MS));
    expect(reserve(refused, { now: NOW + 1000, lane: 'bulk', limits }).state).toBe(refused);
  });
});

describe('cooldowns', () => {
  it.each(['window', 'day'] as const)('tell of a %s that is full for longer at once', (reason) => {
    const limits = limitsOf(reason === 'day' ? { requestsPerDay: 2 } : { requestsPer30s: 2 });
    const sent = go(go(emptyBudget(), NOW, limits), NOW + 20_000, limits);
    const answer = {
      now: NOW + 20_100,
      sentAt: NOW + 20_000,
      outcome: 'rate-limited',
      retryAfterMs: 1000,
    } as const;
    const refused = recordAnswer(sent, answer);
    const ask = (now: number) => reserve(refused, { now, lane: 'interactive', limits }).decision;
    const early = ask(NOW + 20_200);
    expect(early).toMatchObject({ kind: 'wait', reason });
    // What is told right when the cooldown ends was known all the time.
    expect(early).toEqual(ask(NOW + 21_200));
  });

  const limits = limitsOf({ requestsPer30s: 30 });
  const locked = recordAnswer(go(emptyBudget(), NOW, limits), quotaAt(NOW, HOUR_MS));
  const ask = (state: BudgetState, now: number) => reserve(state, { now, lane: 'interactive', limits });

  it('ends with one probe, and a good answer to it lets the rest go', () => {
    const untilMs = NOW + HOUR_MS;
    expect(ask(locked, untilMs - 1).decision).toMatchObject({ kind: 'wait', untilMs, reason: 'cooldown' });
    const probing = ask(locked, untilMs);
    expect(probing.decision.kind).toBe('go');
    expect(ask(probing.state, untilMs).decision).toMatchObject({ reason: 'probe' });
    const open = recordAnswer(probing.state, { now: untilMs + 90, sentAt: untilMs, outcome: 'ok' });
    expect(ask(open, untilMs + 90).decision.kind).toBe('go');
    expect(describeBudget(open, untilMs + 90, limits).cooldown).toBeNull();
  });

  it('replaces a probe whose process died', () => {
    const probing = ask(locked, NOW + HOUR_MS).state;
    const leaseEndsMs = NOW + HOUR_MS + limits.callTimeoutMs;
    expect(ask(probing, leaseEndsMs - 1).decision).toMatchObject({ reason: 'probe' });
    expect(ask(probing, leaseEndsMs).decision.kind).toBe('go');
  });

  it('does not take a late answer to an earlier call for a probe', () => {
    const two = go(go(emptyBudget(), NOW, limits), NOW + 200, limits);
    const refused = recordAnswer(two, quotaAt(NOW + 200, HOUR_MS));
    const late = recordAnswer(refused, { now: NOW + 900, sentAt: NOW, outcome: 'ok' });
    expect(ask(late, NOW + 1000).decision).toMatchObject({ reason: 'cooldown' });
  });

  it('teaches the window nothing when it is the quota', () => {
    expect(describeBudget(locked, NOW, limits)).toEqual({
      window: { used: 1, limit: 30, learned: null },
      day: { used: 1, limit: null, bulkUsed: 0, bulkLimit: null },
      cooldown: { untilMs: NOW + HOUR_MS, reason: 'quota', isProbing: false },
      bulkCallsPerMinute: 42,
    });
  });

  it('lasts no longer than was left of it when the clock is set back by hours', () => {
    const back = NOW + 30 * MINUTE_MS - 5 * HOUR_MS;
    const seen = reserve(locked, { now: NOW + 30 * MINUTE_MS, lane: 'bulk', limits }).state;
    const { decision } = ask(seen, back);
    expect(decision).toMatchObject({ kind: 'wait', reason: 'cooldown' });
    // Nothing was stored since the refusal, so its whole length is left.
    expect(decision.kind === 'wait' && decision.untilMs).toBe(back + HOUR_MS);
  });
});

describe('the stored form', () => {
  it('gives the same state back, and an empty one for a form that it does not know', () => {
    const limits = limitsOf({ requestsPerDay: 800 });
    const two = go(go(emptyBudget(), NOW, limits), NOW + 200, limits);
    const state = recordAnswer(recordAnswer(two, { now: NOW + 250, sentAt: NOW, outcome: 'ok' }), {
      now: NOW + 300,
      sentAt: NOW + 200,
      outcome: 'rate-limited',
      retryAfterMs: 3000,
    });
    const stored = JSON.parse(JSON.stringify(toStored(state))) as StoredBudget;
    expect(fromStored(stored)).toEqual(state);
    expect(fromStored({ ...stored, form: 2 })).toEqual(emptyBudget());
  });
});

describe('lanes', () => {
  it.each([300, 30, 10])('keep 30 %% of %i for callers while bulk work saturates', (limit) => {
    const limits = limitsOf({ requestsPer30s: limit });
    let state = emptyBudget();
    let sent = 0;
    for (let at = NOW; at < NOW + 29_000; at += 20) {
      const reserved = reserve(state, { now: at, lane: 'bulk', limits });
      ({ state } = reserved);
      if (reserved.decision.kind === 'go') sent += 1;
    }
    expect(sent).toBe(limit * 0.7);
  });

  it.each([300, 30, 2, 1])('neither starves at %i when both saturate', (limit) => {
    const sent: Record<Lane, number> = { interactive: 0, bulk: 0 };
    const limits = limitsOf({ requestsPer30s: limit });
    let state = emptyBudget();
    for (let at = NOW; at < NOW + 10 * MINUTE_MS; at += 20) {
      for (const lane of ['interactive', 'bulk'] as const) {
        const reserved = reserve(state, { now: at, lane, limits });
        state = reserved.state;
        if (reserved.decision.kind !== 'go') continue;
        sent[lane] += 1;
        state = recordAnswer(state, { now: at + 1, sentAt: reserved.decision.sentAt, outcome: 'ok' });
      }
    }
    expect(sent.interactive + sent.bulk).toBeGreaterThanOrEqual(limit * 20 * 0.97);
    expect(sent.bulk).toBeGreaterThanOrEqual(Math.max(1, Math.floor(limit * 0.1)) * 9);
    expect(sent.interactive).toBeGreaterThanOrEqual(sent.bulk);
  });
});

function go(state: BudgetState, now: number, limits: BudgetLimits): BudgetState {
  const reserved = reserve(state, { now, lane: 'interactive', limits });
  expect(reserved.decision.kind).toBe('go');
  return reserved.state;
}

function quotaAt(at: number, retryAfterMs: number) {
  return { now: at, sentAt: at, outcome: 'quota', retryAfterMs } as const;
}

function limitsOf(some: Partial<BudgetLimits>): BudgetLimits {
  return { requestsPer30s: 0, requestsPerDay: 0, callTimeoutMs: 10_000, ...some };
}
