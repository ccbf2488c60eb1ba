import { Inject, Injectable, Logger } from '@nestjs/common';
import { type FindAsk, SourceUnavailableError } from '../recording/recording-source';
import type { BudgetLimits } from './budget-state';
import type { BudgetAnswer, BudgetDecision, BudgetReport } from './spotify-budget';
import { SpotifyBudgetRepository } from './spotify-budget.repository';
import { failureOf, type SpotifyAnswer, SpotifyRateLimitError } from './spotify-failures';
import {
  SPOTIFY_CLOCK,
  SPOTIFY_RANDOM,
  SPOTIFY_SETTINGS,
  SPOTIFY_SLEEP,
  SPOTIFY_TICKS,
  type SpotifyClock,
  type SpotifySettings,
  type SpotifySleep,
} from './spotify-settings';
import { UnwrittenCooldown } from './unwritten-cooldown';

/** A call is cut at its timeout; its answer is written down within so much more. */
const RECORDING_MS = 1000;

/** Calls in flight tell of one lockout each in turn: what ends it this much later is no news. */
const SAME_COOLDOWN_MS = 1000;

/** The token host's calls are in no log of the budget: no call was sent at the beginning of time. */
const IN_NO_LOG = 0;

/** Who asks for a call, and how long they can wait for it. Times are of the clock that cannot be set. */
export interface SpotifyAsk extends FindAsk {
  /** Leave that comes later than this is not waited for. */
  readonly leaveByMs: number;
  /** No other try is begun after this. */
  readonly deadlineMs: number;
}

type Hold = Omit<Extract<BudgetDecision, { kind: 'wait' }>, 'intervalMs'>;

const REASONS: Readonly<Record<Hold['reason'], string>> = {
  pace: 'As many calls as the pace allows are on their way to Spotify.',
  window: 'The calls to Spotify that are allowed in 30 seconds are used up.',
  day: 'The calls to Spotify that are allowed in 24 hours are used up.',
  cooldown: 'Spotify asked this service to wait. Nothing is sent before the time is over.',
  probe: 'Spotify asked this service to wait. One call tries now whether it is over.',
};

/** Leave to call Spotify: asked of the shared budget, waited for within the caller's patience, accounted for afterwards. */
@Injectable()
export class SpotifyGate {
  private readonly logger = new Logger(SpotifyGate.name);
  /** The cooldown that the log was told of; null while there is none. */
  private toldUntilMs: number | null = null;
  /** Callers who wait for a place in this process; they have their turns in this order, and who would come too late hears at once. */
  private readonly waiting = new Set<SpotifyAsk>();

  constructor(
    private readonly budget: SpotifyBudgetRepository,
    private readonly unwritten: UnwrittenCooldown,
    @Inject(SPOTIFY_SETTINGS) private readonly settings: SpotifySettings,
    @Inject(SPOTIFY_CLOCK) private readonly now: SpotifyClock,
    @Inject(SPOTIFY_TICKS) private readonly ticks: SpotifyClock,
    @Inject(SPOTIFY_SLEEP) private readonly sleep: SpotifySleep,
    @Inject(SPOTIFY_RANDOM) private readonly random: () => number,
  ) {}

  /**
   * Sends one call to the API when there is leave, and records how it ended whatever happens.
   * @throws SourceUnavailableError at once where leave does not come in time; its seconds say when it will
   * @throws SpotifyRateLimitError on 429, and whatever `send` throws
   */
  async spend(ask: SpotifyAsk, send: () => Promise<SpotifyAnswer>): Promise<SpotifyAnswer> {
    const sentAt = await this.leave(ask);
    let outcome: Omit<BudgetAnswer, 'now'> = { sentAt, outcome: 'failed' };
    try {
      const answer = await send();
      if (answer.status === 429) {
        const failure = failureOf('Spotify', answer, this.now());
        if (failure instanceof SpotifyRateLimitError) outcome = this.limited(failure, sentAt);
        throw failure;
      }
      // Unchanged is an answer like any other: it was let through, and counts.
      if (answer.status === 200 || answer.status === 304) outcome = { sentAt, outcome: 'ok' };
      return answer;
    } finally {
      await this.record(outcome);
    }
  }

  /** Waits until no cooldown lasts: for calls that the budget does not count, but that a lockout forbids. */
  async waitOutCooldown(ask: SpotifyAsk): Promise<void> {
    for (;;) {
      await this.waitOutUnwritten(ask);
      const { cooldown } = await this.budget.describe(this.limits);
      if (cooldown === null || cooldown.untilMs <= this.now()) return;
      await this.wait({ kind: 'wait', untilMs: cooldown.untilMs, reason: 'cooldown' }, ask);
    }
  }

  /** The token host sent a 429: it holds for both hosts. */
  async noteLimit(failure: SpotifyRateLimitError): Promise<void> {
    await this.record(this.limited(failure, IN_NO_LOG));
  }

  /** Waits before another try: anything up to `mostMs`, so that callers do not come back together. False: no time. */
  async pause({ mostMs, leastMs }: { mostMs: number; leastMs: number }, ask: SpotifyAsk): Promise<boolean> {
    const ms = Math.max(this.random() * mostMs, leastMs);
    if (this.ticks() + ms > ask.deadlineMs) return false;
    await this.sleep(ms, ask.signal);
    return true;
  }

  describe(): Promise<BudgetReport> {
    return this.budget.describe(this.limits);
  }

  private get limits(): BudgetLimits {
    const { requestsPer30s, requestsPerDay, timeoutMs } = this.settings;
    return { requestsPer30s, requestsPerDay, callTimeoutMs: timeoutMs + RECORDING_MS };
  }

  private async leave(ask: SpotifyAsk): Promise<number> {
    try {
      for (;;) {
        ask.signal?.throwIfAborted();
        await this.waitOutUnwritten(ask);
        const decision = await this.budget.reserve(ask.lane, this.limits);
        if (decision.kind === 'go') return decision.sentAt;
        const isInLine =
          ask.lane === 'interactive' && (decision.reason === 'pace' || decision.reason === 'window');
        if (isInLine) this.waiting.add(ask);
        const behindMs = isInLine ? placeIn(this.waiting, ask) * decision.intervalMs : 0;
        await this.wait({ ...decision, untilMs: decision.untilMs + behindMs }, ask);
      }
    } finally {
      this.waiting.delete(ask);
    }
  }

  /** A cooldown that is not in the database yet holds for this process all the same. */
  private async waitOutUnwritten(ask: SpotifyAsk): Promise<void> {
    const { untilMs } = this.unwritten;
    if (untilMs !== null) await this.wait({ kind: 'wait', untilMs, reason: 'cooldown' }, ask);
  }

  private async wait({ untilMs, reason }: Hold, ask: SpotifyAsk): Promise<void> {
    const leftMs = untilMs - this.now();
    if (reason === 'cooldown' && this.toldUntilMs === null) {
      // Another process met it, or this one before its restart.
      this.toldUntilMs = untilMs;
      this.logger.warn(`${REASONS.cooldown} ${spanOf(untilMs, leftMs)}`);
    }
    if (this.ticks() + leftMs > ask.leaveByMs)
      throw new SourceUnavailableError(REASONS[reason], Math.max(1, Math.ceil(leftMs / 1000)));
    await this.sleep(Math.max(1, leftMs), ask.signal);
  }

  private limited(failure: SpotifyRateLimitError, sentAt: number): Omit<BudgetAnswer, 'now'> {
    const { waitSeconds, isQuota, isAbsurd, message } = failure;
    const retryAfterMs = waitSeconds * 1000;
    const untilMs = this.now() + retryAfterMs;
    if (this.toldUntilMs === null || untilMs > this.toldUntilMs + SAME_COOLDOWN_MS) {
      this.toldUntilMs = untilMs;
      const line = `${message} ${spanOf(untilMs, retryAfterMs)}`;
      if (isAbsurd)
        this.logger.error(`${line} It was told to wait for more than a day, which is not believed.`);
      else this.logger.warn(line);
    }
    return { sentAt, outcome: isQuota ? 'quota' : 'rate-limited', retryAfterMs };
  }

  private async record(answer: Omit<BudgetAnswer, 'now'>): Promise<void> {
    try {
      await this.budget.recordAnswer(answer);
    } catch (error) {
      // The answer itself is good. Without the row nothing more is sent, and the call's place is free after a while.
      this.unwritten.keep(answer);
      this.logger.warn(
        `The end of a call could not be recorded: ${error instanceof Error ? error.message : ''}`,
      );
    }
    if (answer.outcome !== 'ok' || this.toldUntilMs === null || answer.sentAt < this.toldUntilMs) return;
    this.toldUntilMs = null;
    this.logger.log('Spotify lets calls through again.');
  }
}

/** How many came before somebody. */
function placeIn<One>(queue: ReadonlySet<One>, one: One): number {
  let before = 0;
  for (const other of queue) {
    if (other === one) break;
    before += 1;
  }
  return before;
}

function spanOf(untilMs: number, leftMs: number): string {
  return `Until ${new Date(untilMs).toISOString()} (${Math.ceil(leftMs / 1000)} s).`;
}
