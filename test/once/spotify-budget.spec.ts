import fc from 'fast-check';
import { type BudgetLimits, emptyBudget, type Lane } from '../../src/spotify/budget-state';
import { type BudgetDecision, recordAnswer, reserve } from '../../src/spotify/spotify-budget';
import { runSchedule } from '../support/budget-schedule';
import {
  BudgetController,
  mostInWindow,
  randomFrom,
  saturate,
  Timeline,
  type World,
} from '../support/upstream-world';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const NOW = Date.UTC(2026, 10, 20);

/** The budget in virtual time: what upstream sees, whoever asks and whatever goes wrong. */
describe('what the budget lets through', () => {
  // A failure names the seed: `runSchedule(seed)` plays the same again.
  it('stays within window, day, cooldown and probe in 1,000 seeded schedules', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const { limits, arrivals, faults } = runSchedule(seed);
        expect(faults).toEqual([]);
        expect(mostInWindow(arrivals, 30_000)).toBeLessThanOrEqual(limits.requestsPer30s);
        if (limits.requestsPerDay > 0)
          expect(mostInWindow(arrivals, DAY_MS)).toBeLessThanOrEqual(limits.requestsPerDay);
      }),
      { numRuns: 1000, seed: 20_261_122 },
    );
  });
});

describe('a clock set forward', () => {
  it('is forgotten about, but the next window stays within 1.4 times its limit', () => {
    const limits = limitsOf({ requestsPer30s: 100 });
    const sent: number[] = [];
    let state = emptyBudget();
    for (let at = 0; at < 2 * MINUTE_MS; at += 10) {
      const told = NOW + at + (at < 45_000 ? 0 : 3 * HOUR_MS);
      for (const lane of ['interactive', 'bulk'] as const) {
        const reserved = reserve(state, { now: told, lane, limits });
        state = reserved.state;
        if (reserved.decision.kind === 'go') sent.push(at);
      }
    }
    expect(mostInWindow(sent, 29_999)).toBeGreaterThan(100);
    expect(mostInWindow(sent, 29_999)).toBeLessThanOrEqual(140);
  });
});

describe('lanes', () => {
  it.each([300, 30])('let a caller wait no longer beside bulk work than alone (%i in 30 s)', (limit) => {
    const alone = waitsOfCallers(limit, 0);
    const beside = waitsOfCallers(limit, 5);
    expect(beside.length).toBeGreaterThan(100);
    expect(p99(beside)).toBeLessThanOrEqual(2 * p99(alone) + 30_000 / limit);
    expect(p99(beside)).toBeLessThanOrEqual(30_000 / limit);
  });

  it('pace bulk work evenly', () => {
    const sent = bulkTimes(limitsOf({ requestsPer30s: 60 }));
    const gaps = sent.slice(1).map((at, index) => at - (sent[index] ?? 0));
    expect(Math.max(...gaps)).toBeLessThan(6000);
    // 42 calls in 30 s are one in 0.7 s; one may follow at once.
    expect(mostInWindow(sent, 3000)).toBeLessThanOrEqual(7);
  });
});

/** 30 simulated minutes each. The figures are the goals of goals.md, "Upstream". */
describe('an upstream that does not tell its limit', () => {
  const latencies: World['latencyMs'][] = [
    [50, 100],
    [150, 400],
  ];
  const runs = [300, 30].flatMap((limit) =>
    latencies.flatMap((latencyMs) => [false, true].map((isStrict) => ({ limit, isStrict, latencyMs }))),
  );

  it.each(runs)('is used and seldom provoked: $limit in 30 s, strict $isStrict, $latencyMs ms', (run) => {
    const result = learn({ limitAt: () => run.limit, isStrict: run.isStrict, latencyMs: run.latencyMs });
    expect(result.usedShare).toBeGreaterThanOrEqual(0.97);
    expect(result.refusedPerThousand).toBeLessThanOrEqual(1);
  });

  // Which moment of its patience the change meets decides a good deal: the mean of several seeds is the figure.
  it.each(latencies.map((latencyMs) => ({ latencyMs })))(
    'is followed when it changes: $latencyMs ms',
    (run) => {
      const limitAt = (ms: number) => (ms >= 10 * MINUTE_MS && ms < 20 * MINUTE_MS ? 200 : 300);
      const world: World = { limitAt, isStrict: false, latencyMs: run.latencyMs };
      const results = [1, 2, 3].map((seed) => learn(world, 0, seed));
      const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
      expect(mean(results.map(({ usedShare }) => usedShare))).toBeGreaterThanOrEqual(0.97);
      expect(Math.min(...results.map(({ usedShare }) => usedShare))).toBeGreaterThanOrEqual(0.95);
      // performance.md: 28 and 25 refusals in 16,000 calls.
      expect(mean(results.map(({ refused }) => refused))).toBeLessThanOrEqual(25);
    },
  );

  it('never goes beyond what is configured', () => {
    const world: World = { limitAt: () => 300, isStrict: false, latencyMs: [50, 100] };
    const { upstream, refused } = learn(world, 100);
    expect(refused).toBe(0);
    expect(mostInWindow(upstream.accepted, 30_000)).toBe(100);
  });
});

function learn(world: World, requestsPer30s = 0, seed = 1) {
  const controller = new BudgetController(limitsOf({ requestsPer30s }));
  const workers = { interactive: 5, bulk: 5 };
  return saturate({ world, controller, workers, durationMs: 30 * MINUTE_MS, seed });
}

/** Milliseconds until callers, who come at random for a tenth of the limit, may send; `bulkWorkers` want everything. */
function waitsOfCallers(limit: number, bulkWorkers: number): number[] {
  const random = randomFrom(limit);
  const timeline = new Timeline();
  const controller = new BudgetController(limitsOf({ requestsPer30s: limit }));
  const waits: number[] = [];
  const send = (lane: Lane, startedAtMs: number, done: () => void): void => {
    const decision: BudgetDecision = controller.reserve(timeline.now, lane);
    if (decision.kind === 'wait') {
      timeline.at(Math.max(decision.untilMs, timeline.now + 1), () => {
        send(lane, startedAtMs, done);
      });
      return;
    }
    if (lane === 'interactive') waits.push(timeline.now - startedAtMs);
    timeline.at(timeline.now + 150, () => {
      controller.record({ now: timeline.now, sentAt: decision.sentAt, outcome: 'ok' });
      done();
    });
  };
  const work = (): void => {
    send('bulk', timeline.now, work);
  };
  for (let worker = 0; worker < bulkWorkers; worker += 1) work();
  const call = (): void => {
    send('interactive', timeline.now, () => undefined);
    timeline.at(timeline.now - Math.log(1 - random()) * (30_000 / (limit * 0.1)), call);
  };
  call();
  timeline.runUntil(limit === 300 ? 15 * MINUTE_MS : HOUR_MS);
  return waits;
}

function p99(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length * 0.99)] ?? 0;
}

/** When one bulk worker that never rests sends, in two minutes. */
function bulkTimes(limits: BudgetLimits): number[] {
  const sent: number[] = [];
  let state = emptyBudget();
  for (let at = NOW; at < NOW + 2 * MINUTE_MS; at += 10) {
    const reserved = reserve(state, { now: at, lane: 'bulk', limits });
    state = reserved.state;
    if (reserved.decision.kind === 'go') {
      sent.push(at);
      state = recordAnswer(state, { now: at + 5, sentAt: at, outcome: 'ok' });
    }
  }
  return sent;
}

function limitsOf(some: Partial<BudgetLimits>): BudgetLimits {
  return { requestsPer30s: 0, requestsPerDay: 0, callTimeoutMs: 10_000, ...some };
}
