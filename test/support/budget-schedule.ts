import { type BudgetLimits, type BudgetState, emptyBudget, type Lane } from '../../src/spotify/budget-state';
import { fromStored, type StoredBudget, toStored } from '../../src/spotify/budget-store';
import {
  type BudgetAnswer,
  type BudgetDecision,
  recordAnswer,
  reserve,
} from '../../src/spotify/spotify-budget';
import { randomFrom, Timeline } from './upstream-world';

const CALL_TIMEOUT_MS = 10_000;
const MINUTE_MS = 60_000;

/** What happens in one schedule; all of it follows from the seed. Times are true ones, whatever clocks said. */
export interface Schedule {
  readonly limits: BudgetLimits;
  /** When calls arrived upstream. */
  readonly arrivals: readonly number[];
  /** Those of bulk work. */
  readonly bulkArrivals: readonly number[];
  /** What the budget did that it may not do. */
  readonly faults: readonly string[];
}

interface Cooldown {
  readonly untilMs: number;
  probeAtMs: number | null;
}

/**
 * Three instances ask for more than there is, for some minutes and now and then after hours of quiet. Calls are refused
 * by both kinds of 429 at random, fail, or are never heard of again; instances restart; messages take up to 300 ms; the
 * clock is set back by up to hours.
 */
export function runSchedule(seed: number): Schedule {
  const random = randomFrom(seed);
  const pick = (least: number, most: number) => Math.floor(least + random() * (most - least + 1));
  const limits: BudgetLimits = {
    requestsPer30s: pick(1, 40),
    requestsPerDay: random() < 0.5 ? pick(20, 120) : 0,
    callTimeoutMs: CALL_TIMEOUT_MS,
  };
  // Some schedules have both lanes alike, some nearly nobody who waits.
  const interactiveShare = random() < 0.5 ? 0.5 : 0.02;
  const refusalShare = random() < 0.5 ? 0 : random() * 0.05;
  const timeline = new Timeline();
  let clockOffsetMs = Date.UTC(2026, 10, 20);
  const told = () => timeline.now + clockOffsetMs;

  let state: BudgetState = emptyBudget();
  let cooldown: Cooldown | null = null;
  const arrivals: number[] = [];
  const bulkArrivals: number[] = [];
  const faults: string[] = [];

  const ask = (lane: Lane): void => {
    const reserved = reserve(state, { now: told(), lane, limits });
    state = reserved.state;
    if (reserved.decision.kind === 'go') send(reserved.decision, lane);
  };
  const send = ({ sentAt }: Extract<BudgetDecision, { kind: 'go' }>, lane: Lane): void => {
    const at = timeline.now;
    if (cooldown !== null) {
      if (at < cooldown.untilMs) faults.push(`a call at ${at}, in a cooldown until ${cooldown.untilMs}`);
      if (cooldown.probeAtMs !== null && at < cooldown.probeAtMs + CALL_TIMEOUT_MS)
        faults.push(`a call at ${at}, beside the probe of ${cooldown.probeAtMs}`);
      cooldown.probeAtMs = at;
    }
    const arrivesMs = at + pick(0, 300);
    timeline.at(arrivesMs, () => {
      arrivals.push(arrivesMs);
      if (lane === 'bulk') bulkArrivals.push(arrivesMs);
    });
    if (random() < 0.03) return; // Its process died: nobody ever tells how it ended.
    timeline.at(arrivesMs + pick(0, 600), () => {
      answer(sentAt, at);
    });
  };
  const answer = (sentAt: number, at: number): void => {
    const now = timeline.now;
    const outcome: BudgetAnswer['outcome'] =
      random() < refusalShare
        ? random() < 0.2
          ? 'quota'
          : 'rate-limited'
        : random() < 0.05
          ? 'failed'
          : 'ok';
    if (outcome === 'ok' || outcome === 'failed') {
      state = recordAnswer(state, { now: told(), sentAt, outcome });
      if (cooldown === null || at < cooldown.untilMs) return;
      if (outcome === 'ok') cooldown = null;
      else if (cooldown.probeAtMs === at) cooldown.probeAtMs = null;
      return;
    }
    const retryAfterMs = outcome === 'quota' ? pick(600, 40_000) * 1000 : pick(1, 35) * 1000;
    state = recordAnswer(state, { now: told(), sentAt, outcome, retryAfterMs });
    const untilMs = Math.max(now + retryAfterMs, cooldown?.untilMs ?? 0);
    cooldown = { untilMs, probeAtMs: null };
  };

  const disturb = (): void => {
    const what = random();
    // A restart: the state is what the database has, and calls in flight go on.
    if (what < 0.5) state = fromStored(JSON.parse(JSON.stringify(toStored(state))) as StoredBudget);
    else if (what < 0.75) clockOffsetMs -= random() < 0.5 ? pick(1, 10_000) : pick(1, 300) * MINUTE_MS;
  };

  let startsMs = 0;
  for (let part = 0; part < 3; part += 1) {
    for (let at = startsMs; at < startsMs + 1.2 * MINUTE_MS; at += pick(10, 600)) {
      timeline.at(at, () => {
        ask(random() < interactiveShare ? 'interactive' : 'bulk');
        if (random() < 0.02) disturb();
      });
    }
    startsMs += random() < 0.3 ? pick(1, 26 * 60) * MINUTE_MS : 2 * MINUTE_MS;
  }
  timeline.runUntil(startsMs + 10 * MINUTE_MS);
  return { limits, arrivals, bulkArrivals, faults };
}
