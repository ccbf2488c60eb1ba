import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { BudgetAnswer } from './spotify-budget';
import { SpotifyBudgetRepository } from './spotify-budget.repository';
import { SPOTIFY_CLOCK, SPOTIFY_TICKS, type SpotifyClock } from './spotify-settings';

/** How often it is tried to write it down. */
const EVERY_MS = 1000;

/** In no log of calls: by now the window says nothing of the limit, so that only the cooldown is taken over. */
const IN_NO_LOG = 0;

interface Kept {
  readonly outcome: BudgetAnswer['outcome'];
  /** Of the clock that cannot be set. */
  readonly untilMs: number;
}

/**
 * A cooldown that could not be written because the database failed just then. This process obeys it from memory, and writes
 * it down for the others as soon as the database is back.
 */
@Injectable()
export class UnwrittenCooldown implements OnModuleDestroy {
  private kept: Kept | null = null;
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly budget: SpotifyBudgetRepository,
    @Inject(SPOTIFY_CLOCK) private readonly now: SpotifyClock,
    @Inject(SPOTIFY_TICKS) private readonly ticks: SpotifyClock,
  ) {}

  /** When it ends, by the wall clock; null where there is none. */
  get untilMs(): number | null {
    if (this.kept === null) return null;
    const leftMs = this.kept.untilMs - this.ticks();
    return leftMs > 0 ? this.now() + leftMs : null;
  }

  /** Keeps the cooldown of an answer that could not be recorded; other answers are let go. */
  keep({ outcome, retryAfterMs }: Pick<BudgetAnswer, 'outcome' | 'retryAfterMs'>): void {
    if (retryAfterMs === undefined) return;
    const untilMs = this.ticks() + retryAfterMs;
    if (this.kept === null || this.kept.untilMs < untilMs) this.kept = { outcome, untilMs };
    this.timer ??= setTimeout(() => void this.write(), EVERY_MS).unref();
  }

  onModuleDestroy(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.kept = null;
  }

  private async write(): Promise<void> {
    const { kept } = this;
    this.timer = null;
    if (kept === null) return;
    const retryAfterMs = kept.untilMs - this.ticks();
    try {
      if (retryAfterMs > 0)
        await this.budget.recordAnswer({ sentAt: IN_NO_LOG, outcome: kept.outcome, retryAfterMs });
      if (this.kept === kept) this.kept = null;
    } catch {
      // Told when it was kept; the database tells of itself.
    }
    if (this.kept !== null) this.timer = setTimeout(() => void this.write(), EVERY_MS).unref();
  }
}
