import { emptyBudget, type BudgetLimits, type BudgetState, type Lane } from '../../src/spotify/budget-state';
import {
  type BudgetAnswer,
  type BudgetDecision,
  recordAnswer,
  reserve,
} from '../../src/spotify/spotify-budget';

const WINDOW_MS = 30_000;

/** A repeatable source of numbers from 0 to 1 (mulberry32). */
export function randomFrom(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Virtual time: what is due next is run next. A binary heap, equal times in the order they were asked for. */
export class Timeline {
  now = 0;
  private count = 0;
  private readonly heap: { at: number; order: number; run: () => void }[] = [];

  at(at: number, run: () => void): void {
    this.heap.push({ at: Math.max(at, this.now), order: this.count++, run });
    for (let child = this.heap.length - 1; child > 0;) {
      const parent = (child - 1) >> 1;
      if (!this.isBefore(child, parent)) return;
      this.swap(child, parent);
      child = parent;
    }
  }

  runUntil(endMs: number): void {
    for (let next = this.heap[0]; next !== undefined && next.at < endMs; next = this.heap[0]) {
      this.pop();
      this.now = next.at;
      next.run();
    }
    this.now = endMs;
  }

  /** Goes to what is due next, however far off. False where nothing is. */
  runNext(): boolean {
    const [next] = this.heap;
    if (next === undefined) return false;
    this.pop();
    this.now = next.at;
    next.run();
    return true;
  }

  private pop(): void {
    this.swap(0, this.heap.length - 1);
    this.heap.pop();
    for (let parent = 0; ;) {
      const [left, right] = [2 * parent + 1, 2 * parent + 2];
      let least = parent;
      if (left < this.heap.length && this.isBefore(left, least)) least = left;
      if (right < this.heap.length && this.isBefore(right, least)) least = right;
      if (least === parent) return;
      this.swap(parent, least);
      parent = least;
    }
  }

  private isBefore(a: number, b: number): boolean {
    const [x, y] = [this.heap[a], this.heap[b]];
    if (x === undefined || y === undefined) return false;
    return x.at < y.at || (x.at === y.at && x.order < y.order);
  }

  private swap(a: number, b: number): void {
    const [x, y] = [this.heap[a], this.heap[b]];
    if (x === undefined || y === undefined) return;
    this.heap[a] = y;
    this.heap[b] = x;
  }
}

/** An upstream that lets `limitAt` calls through in any 30 s and tells nobody. */
export interface World {
  readonly limitAt: (ms: number) => number;
  /** Polite: `Retry-After` says when there is room. Strict: refused calls count too and cost 30 s. */
  readonly isStrict: boolean;
  readonly latencyMs: readonly [least: number, most: number];
}

/** The rolling window at the far end, by the times at which calls arrive. */
class Upstream {
  /** Arrivals of calls let through. */
  readonly accepted: number[] = [];
  readonly refused: number[] = [];
  private counted: number[] = [];
  private penaltyUntilMs = 0;

  constructor(private readonly world: World) {}

  /** Null: let through. Else the seconds of `Retry-After`. */
  arrive(atMs: number): number | null {
    this.counted = this.counted.filter((each) => each > atMs - WINDOW_MS);
    const limit = this.world.limitAt(atMs);
    if (atMs >= this.penaltyUntilMs && this.counted.length < limit) {
      this.counted.push(atMs);
      this.accepted.push(atMs);
      return null;
    }
    this.refused.push(atMs);
    if (this.world.isStrict) {
      this.counted.push(atMs);
      this.penaltyUntilMs = atMs + WINDOW_MS;
      return WINDOW_MS / 1000;
    }
    const roomAtMs = (this.counted[this.counted.length - limit] ?? atMs) + WINDOW_MS;
    return Math.max(1, Math.ceil((roomAtMs - atMs) / 1000));
  }
}

/** Whoever decides what is sent when: our budget, or a peer it is measured beside. */
export interface Controller {
  reserve(now: number, lane: Lane): BudgetDecision;
  record(answer: BudgetAnswer): void;
}

/** Our budget. The state passes through JSON now and then, as it does on its way to the database. */
export class BudgetController implements Controller {
  state: BudgetState = emptyBudget();
  private visits = 0;

  constructor(private readonly limits: BudgetLimits) {}

  reserve(now: number, lane: Lane): BudgetDecision {
    const { state, decision } = reserve(this.state, { now, lane, limits: this.limits });
    this.keep(state);
    return decision;
  }

  record(answer: BudgetAnswer): void {
    this.keep(recordAnswer(this.state, answer));
  }

  private keep(state: BudgetState): void {
    this.visits += 1;
    this.state = this.visits % 500 === 0 ? (JSON.parse(JSON.stringify(state)) as BudgetState) : state;
  }
}

interface Run {
  readonly world: World;
  readonly controller: Controller;
  /** Workers that send one call after another, by lane. */
  readonly workers: Readonly<Record<Lane, number>>;
  readonly durationMs: number;
  readonly seed: number;
}

interface RunResult {
  readonly accepted: number;
  readonly refused: number;
  /** Of the calls that the world permitted. */
  readonly usedShare: number;
  /** Refusals after the first window for 1,000 calls. */
  readonly refusedPerThousand: number;
  readonly upstream: Upstream;
}

/** Lets workers that always have another call saturate the upstream. */
export function saturate({ world, controller, workers, durationMs, seed }: Run): RunResult {
  const random = randomFrom(seed);
  const timeline = new Timeline();
  const upstream = new Upstream(world);

  // Workers stand in line by lane, and the first in line asks.
  const idle: Record<Lane, number> = { ...workers };
  const isAsking: Record<Lane, boolean> = { interactive: false, bulk: false };
  const ask = (lane: Lane): void => {
    isAsking[lane] = false;
    while (idle[lane] > 0) {
      const decision = controller.reserve(timeline.now, lane);
      if (decision.kind === 'wait') {
        isAsking[lane] = true;
        timeline.at(Math.max(decision.untilMs, timeline.now + 1), () => {
          ask(lane);
        });
        return;
      }
      idle[lane] -= 1;
      send(lane, decision.sentAt);
    }
  };
  const send = (lane: Lane, sentAt: number): void => {
    const [least, most] = world.latencyMs;
    const latencyMs = Math.round(least + random() * (most - least));
    const arrivesAtMs = timeline.now + Math.round(latencyMs * (0.2 + 0.6 * random()));
    const answersAtMs = timeline.now + latencyMs;
    timeline.at(arrivesAtMs, () => {
      const seconds = upstream.arrive(arrivesAtMs);
      timeline.at(answersAtMs, () => {
        const answer = { now: answersAtMs, sentAt };
        controller.record(
          seconds === null
            ? { ...answer, outcome: 'ok' }
            : { ...answer, outcome: 'rate-limited', retryAfterMs: seconds * 1000 },
        );
        idle[lane] += 1;
        if (!isAsking[lane]) ask(lane);
      });
    });
  };
  ask('interactive');
  ask('bulk');
  timeline.runUntil(durationMs);

  const { accepted, refused } = upstream;
  let permitted = 0;
  for (let at = 0; at < durationMs; at += 1000) permitted += world.limitAt(at) / 30;
  const later = refused.filter((at) => at >= WINDOW_MS).length;
  return {
    accepted: accepted.length,
    refused: refused.length,
    usedShare: accepted.length / permitted,
    refusedPerThousand: (later * 1000) / (accepted.length + refused.length),
    upstream,
  };
}

/** The most calls in any rolling window of `lengthMs`, both of its ends included. */
export function mostInWindow(times: readonly number[], lengthMs: number): number {
  const sorted = [...times].sort((a, b) => a - b);
  let most = 0;
  let first = 0;
  sorted.forEach((at, index) => {
    while ((sorted[first] ?? at) < at - lengthMs) first += 1;
    most = Math.max(most, index - first + 1);
  });
  return most;
}
