import { Injectable } from '@nestjs/common';
import { AppError } from '../common/app-error';
import { SourceError, SourceTimeoutError, SourceUnavailableError } from '../recording/recording-source';
import { type SpotifyHost, SpotifyOutageError, SpotifyRateLimitError } from './spotify-failures';

/** How a call ended: `not-sent` for want of leave, `cancelled` because its caller went. */
export type CallOutcome =
  'ok' | 'rate-limited' | 'quota-exceeded' | 'outage' | 'timeout' | 'error' | 'not-sent' | 'cancelled';

/** What this process counted since its start; no figure ever falls. */
export interface SpotifyCounts {
  readonly calls: Readonly<Record<'api' | 'accounts', Readonly<Record<CallOutcome, number>>>>;
  /** Tries beyond the first. */
  readonly retries: number;
  /** Answers 304, which `calls` has as `ok`. */
  readonly notModified: number;
  /** Calls for many tracks at once, which `calls` has as well, and the tracks they asked for. */
  readonly batches: number;
  readonly batchedTracks: number;
  readonly breakersOpened: Readonly<Record<'api' | 'accounts', number>>;
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] extends object ? Mutable<T[Key]> : T[Key] };

/** Counts what became of calls to both hosts, for health and metrics. */
@Injectable()
export class SpotifyCounters {
  private readonly counts: Mutable<SpotifyCounts> = {
    calls: { api: noCalls(), accounts: noCalls() },
    retries: 0,
    notModified: 0,
    batches: 0,
    batchedTracks: 0,
    breakersOpened: { api: 0, accounts: 0 },
  };

  /** A call ended, well where `error` is null. */
  countCall(host: SpotifyHost, error: unknown): void {
    this.counts.calls[nameOf(host)][error === null ? 'ok' : outcomeOf(error)] += 1;
  }

  countOpened(host: SpotifyHost): void {
    this.counts.breakersOpened[nameOf(host)] += 1;
  }

  countRetry(): void {
    this.counts.retries += 1;
  }

  countNotModified(): void {
    this.counts.notModified += 1;
  }

  countBatch(tracks: number): void {
    this.counts.batches += 1;
    this.counts.batchedTracks += tracks;
  }

  /** A copy. */
  report(): SpotifyCounts {
    return structuredClone(this.counts);
  }
}

function noCalls(): Record<CallOutcome, number> {
  return {
    ok: 0,
    'rate-limited': 0,
    'quota-exceeded': 0,
    outage: 0,
    timeout: 0,
    error: 0,
    'not-sent': 0,
    cancelled: 0,
  };
}

function nameOf(host: SpotifyHost): 'api' | 'accounts' {
  return host === 'Spotify' ? 'api' : 'accounts';
}

function outcomeOf(error: unknown): CallOutcome {
  if (error instanceof SpotifyRateLimitError) return error.isQuota ? 'quota-exceeded' : 'rate-limited';
  if (error instanceof SpotifyOutageError) return 'outage';
  if (error instanceof SourceTimeoutError) return 'timeout';
  if (error instanceof SourceUnavailableError) return 'not-sent';
  if (error instanceof SourceError) return 'error';
  const isGone = error instanceof AppError ? error.slug === 'request-timeout' : isAbort(error);
  return isGone ? 'cancelled' : 'not-sent';
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
