import { Injectable } from '@nestjs/common';
import { RecordingSource } from '../recording/recording-source';
import type { ImportView } from './dto/import.view';
import type { Import } from './entities/import.entity';
import { type CallAllowance, ratePerMinute, secondsLeft } from './import-pace';
import { countProcessed, type ImportStatus } from './import-states';

/** The source's figures change slowly, and many may watch. */
const ALLOWANCE_FRESH_MS = 2_000;
const NO_LIMIT: CallAllowance = { callsPerMinute: null, callsPerDay: null, callsLeftToday: null };

/** What is told of an import: counts as kept, and how fast and how long by what the source allows. */
@Injectable()
export class ImportProgress {
  private allowance: { untilMs: number; known: Promise<CallAllowance> } = {
    untilMs: 0,
    known: Promise.resolve(NO_LIMIT),
  };

  constructor(private readonly source: RecordingSource) {}

  async describe(one: Import): Promise<ImportView> {
    const processed = countProcessed(one);
    const status = one.state as ImportStatus; // others are seen by nobody
    const { id, total, created, existing, refreshed, duplicate, notFound, invalid, failed } = one;
    const pending = total - processed;
    const counts = { created, existing, refreshed, duplicate, notFound, invalid, failed, pending };
    const resumesAt = status === 'paused' ? one.resumesAt : null;
    const { rate, eta } = await this.forecast(one, status, processed, pending);
    return {
      id,
      status,
      total,
      processed,
      counts,
      ratePerMinute: rate,
      etaSeconds: eta,
      resumesAt: resumesAt?.toISOString() ?? null,
      createdBy: one.createdBy,
      createdAt: one.createdAt.toISOString(),
      startedAt: one.startedAt?.toISOString() ?? null,
      finishedAt: one.finishedAt?.toISOString() ?? null,
    };
  }

  private async forecast(
    one: Import,
    status: ImportStatus,
    processed: number,
    pending: number,
  ): Promise<{ rate: number; eta: number | null }> {
    if (status === 'completed' || status === 'failed') return { rate: 0, eta: 0 };
    if (status === 'cancelled') return { rate: 0, eta: null };
    const nowMs = Date.now();
    const rate = status === 'running' ? ratePerMinute(one.pace, nowMs, processed) : null;
    const waitMs = status === 'paused' ? Math.max(0, (one.resumesAt?.getTime() ?? 0) - nowMs) : 0;
    const eta = secondsLeft({ rate, pending, waitMs, allowance: await this.knownAllowance(nowMs) });
    return { rate: rounded(rate ?? 0), eta };
  }

  private knownAllowance(nowMs: number): Promise<CallAllowance> {
    if (nowMs >= this.allowance.untilMs) {
      const known = this.source.report().then(
        ({ bulkCallsPerMinute = null, day }): CallAllowance => ({
          callsPerMinute: bulkCallsPerMinute,
          callsPerDay: day?.bulkLimit ?? null,
          callsLeftToday:
            day === undefined || day.limit === null || day.bulkLimit === null
              ? null
              : Math.max(0, Math.min(day.limit - day.used, day.bulkLimit - day.bulkUsed)),
        }),
        () => NO_LIMIT,
      );
      this.allowance = { untilMs: nowMs + ALLOWANCE_FRESH_MS, known };
    }
    return this.allowance.known;
  }
}

/** One decimal where a whole number would be coarse. */
function rounded(rate: number): number {
  return rate < 100 ? Math.round(rate * 10) / 10 : Math.round(rate);
}
