import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { judgeDatabaseError } from '../common/database-error';
import { type BudgetLimits, type BudgetState, emptyBudget, type Lane } from './budget-state';
import { fromStored, toStored } from './budget-store';
import { UpstreamBudget } from './entities/upstream-budget.entity';
import {
  type BudgetAnswer,
  type BudgetDecision,
  type BudgetReport,
  describe,
  recordAnswer,
  reserve,
} from './spotify-budget';
import { SPOTIFY_CLOCK, type SpotifyClock } from './spotify-settings';

const NAME = 'spotify';

/** With ten processes that write at once, one in ten tries gets through. */
const MAX_TRIES = 100;
const LONGEST_PAUSE_MS = 50;

/** Clocks of machines that differ by more are taken to have been set (`atTime`). */
const MOST_SKEW_MS = 300_000;

type Change = (state: BudgetState, now: number) => BudgetState;

interface Visit {
  /** Answers first, they free places; then callers who wait; bulk work last. */
  readonly rank: number;
  readonly change: Change;
  readonly done: (failure: Error | null) => void;
}

/** The row of `upstream_budget`: every process's budget is this one. */
@Injectable()
export class SpotifyBudgetRepository {
  private visits: Visit[] = [];
  private isVisiting = false;
  /** How far the fastest clock that wrote the row is ahead of ours. */
  private behindMs = 0;

  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(SPOTIFY_CLOCK) private readonly now: SpotifyClock,
  ) {}

  /**
   * Asks for leave to send one call; the call counts once this resolves with `go`. Times are of this process's clock,
   * but for `sentAt`, which goes back to `recordAnswer` as it is.
   * @throws the database's error where it does not answer: nothing may be sent then
   */
  async reserve(lane: Lane, limits: BudgetLimits): Promise<BudgetDecision> {
    let decision: BudgetDecision | undefined;
    await this.visit(lane === 'interactive' ? 1 : 2, (state, now) => {
      const reserved = reserve(state, { now, lane, limits });
      decision = reserved.decision;
      return reserved.state;
    });
    if (decision === undefined) throw new Error('a visit to the budget ended without a decision');
    return decision.kind === 'go' ? decision : { ...decision, untilMs: decision.untilMs - this.behindMs };
  }

  /** Records how a call ended. */
  async recordAnswer(answer: Omit<BudgetAnswer, 'now'>): Promise<void> {
    await this.visit(0, (state, now) => recordAnswer(state, { ...answer, now }));
  }

  /** What health and metrics show. Only reads. */
  async describe(limits: BudgetLimits): Promise<BudgetReport> {
    const { state } = await this.read();
    const report = describe(state, this.sharedNow(state), limits);
    const { cooldown } = report;
    return { ...report, cooldown: cooldown && { ...cooldown, untilMs: cooldown.untilMs - this.behindMs } };
  }

  /** One visit to the row at a time; those who come meanwhile share the next. */
  private visit(rank: number, change: Change): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (failure: Error | null) => {
        if (failure === null) resolve();
        else reject(failure);
      };
      this.visits.push({ rank, change, done });
      if (!this.isVisiting) void this.work();
    });
  }

  private async work(): Promise<void> {
    this.isVisiting = true;
    // Callers of this turn of the event loop come along.
    await Promise.resolve();
    for (let batch = this.visits; batch.length > 0; batch = this.visits) {
      this.visits = [];
      const inOrder = batch.sort((a, b) => a.rank - b.rank);
      const failure = await this.write(inOrder).then(() => null, toError);
      for (const { done } of batch) done(failure);
    }
    this.isVisiting = false;
  }

  /** Compare and swap: read, decide, and write where nobody wrote since; else all of it again. */
  private async write(batch: readonly Visit[]): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        if (await this.tryWrite(batch)) return;
      } catch (error) {
        if (judgeDatabaseError(error) !== 'retry' || tries >= MAX_TRIES) throw error;
      }
      if (tries >= MAX_TRIES) throw new Error('the budget is written by others all the time');
      await sleep(Math.random() * Math.min(2 ** tries, LONGEST_PAUSE_MS));
    }
  }

  private async tryWrite(batch: readonly Visit[]): Promise<boolean> {
    const { version, state: before } = await this.read();
    const now = this.sharedNow(before);
    const after = batch.reduce((state, { change }) => change(state, now), before);
    if (after === before) return true;
    const row = { version: version + 1, state: toStored(after), updatedAt: new Date(this.now()) };
    const { manager } = this.dataSource;
    if (version > 0)
      return ((await manager.update(UpstreamBudget, { name: NAME, version }, row)).affected ?? 0) > 0;
    try {
      await manager.insert(UpstreamBudget, { name: NAME, ...row });
      return true;
    } catch (error) {
      if (judgeDatabaseError(error) === 'duplicate') return false;
      throw error;
    }
  }

  private async read(): Promise<{ version: number; state: BudgetState }> {
    const row = await this.dataSource.manager.findOneBy(UpstreamBudget, { name: NAME });
    return row === null
      ? { version: 0, state: emptyBudget() }
      : { version: row.version, state: fromStored(row.state) };
  }

  /**
   * The time by the fastest clock of all processes. Read after the state, which was written before: where it is ahead
   * of us nevertheless, its writer's clock is, and ours follows from now on.
   */
  private sharedNow({ clockMs }: BudgetState): number {
    const now = this.now();
    const behindMs = clockMs - now;
    if (behindMs > this.behindMs && behindMs <= MOST_SKEW_MS) this.behindMs = behindMs;
    return now + this.behindMs;
  }
}

function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error('the budget could not be written', { cause: thrown });
}
