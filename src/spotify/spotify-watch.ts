import { Inject, Injectable, Logger } from '@nestjs/common';
import { AppError } from '../common/app-error';
import { SourceError, SourceTimeoutError, SourceUnavailableError } from '../recording/recording-source';
import { type CallVerdict, CircuitBreaker } from './circuit-breaker';
import { FaultGate } from './fault-gate';
import {
  SpotifyFaultError,
  SpotifyForbiddenError,
  type SpotifyHost,
  SpotifyOutageError,
  SpotifyRateLimitError,
} from './spotify-failures';
import { SpotifyCounters } from './spotify-counters';
import { SPOTIFY_CLOCK, SPOTIFY_TICKS, type SpotifyClock } from './spotify-settings';

/** One endpoint may be closed to this application; so many refusals in a row, and nothing else, are no matter of one. */
const REFUSALS_TO_FAULT = 3;

/** What the watch knows, ready for JSON. */
export interface WatchReport {
  readonly breakers: { readonly api: CircuitBreaker['state']; readonly accounts: CircuitBreaker['state'] };
  /** What an operator has to mend. */
  readonly fault: { readonly message: string; readonly since: string } | null;
  readonly lastSuccessAt: string | null;
  readonly lastFailure: { readonly at: string; readonly slug: string } | null;
}

/** Keeps an eye on how calls to both hosts end, and stops those that cannot go well: circuit breakers, configuration faults. */
@Injectable()
export class SpotifyWatch {
  private readonly logger = new Logger(SpotifyWatch.name);
  private readonly breakers: Readonly<Record<SpotifyHost, CircuitBreaker>>;
  private readonly faults: FaultGate;
  private refusalsInARow = 0;
  private lastSuccessAtMs: number | null = null;
  private lastFailure: { readonly atMs: number; readonly slug: string } | null = null;

  constructor(
    private readonly counters: SpotifyCounters,
    @Inject(SPOTIFY_CLOCK) private readonly now: SpotifyClock,
    @Inject(SPOTIFY_TICKS) ticks: SpotifyClock,
  ) {
    this.breakers = {
      Spotify: new CircuitBreaker(ticks),
      "Spotify's accounts service": new CircuitBreaker(ticks),
    };
    this.faults = new FaultGate(ticks);
  }

  /**
   * Asked before anything is spent on a call to the API. While a fault stands, one call a minute gets through.
   * @throws SourceError while a configuration fault stands
   * @throws SourceUnavailableError while the API's breaker is open
   */
  admit(): void {
    if (this.breakers.Spotify.leftMs > 0) throw this.openError('Spotify');
    const fault = this.faults.admit();
    if (fault !== null) throw new SourceError(fault.message);
  }

  /**
   * Makes a call to a host and draws the conclusions. `mayGo` is to be asked last thing before the request is sent: it
   * throws where the breaker opened meanwhile.
   * @throws SourceUnavailableError where the breaker is open, and whatever `make` throws
   */
  async call<T>(host: SpotifyHost, make: (mayGo: () => void) => Promise<T>): Promise<T> {
    const pass = this.breakers[host].enter();
    if (pass === null) throw this.openError(host);
    try {
      const made = await make(() => {
        if (!pass.isValid()) throw this.openError(host);
      });
      this.noteChange(host, pass.done('answers'));
      this.counters.countCall(host, null);
      this.noteSuccess(host);
      return made;
    } catch (error) {
      this.noteChange(host, pass.done(verdictOf(error)));
      this.counters.countCall(host, error);
      this.noteFailure(host, error);
      throw error;
    }
  }

  report(): WatchReport {
    const { fault } = this.faults;
    const { lastFailure, lastSuccessAtMs } = this;
    return {
      breakers: {
        api: this.breakers.Spotify.state,
        accounts: this.breakers["Spotify's accounts service"].state,
      },
      fault: fault && { message: fault.message, since: new Date(fault.sinceMs).toISOString() },
      lastSuccessAt: lastSuccessAtMs === null ? null : new Date(lastSuccessAtMs).toISOString(),
      lastFailure: lastFailure && {
        at: new Date(lastFailure.atMs).toISOString(),
        slug: lastFailure.slug,
      },
    };
  }

  private openError(host: SpotifyHost): SourceUnavailableError {
    const seconds = Math.max(1, Math.ceil(this.breakers[host].leftMs / 1000));
    return new SourceUnavailableError(
      `${host} failed several times in a row and is left alone for now.`,
      seconds,
    );
  }

  private noteChange(host: SpotifyHost, change: 'opened' | 'closed' | null): void {
    if (change === 'closed') this.logger.log(`${host} answers again: calls go on.`);
    if (change !== 'opened') return;
    this.counters.countOpened(host);
    const seconds = Math.ceil(this.breakers[host].leftMs / 1000);
    this.logger.warn(
      `${host} fails time after time: nothing is sent for ${seconds} s, then one call to see.`,
    );
  }

  private noteSuccess(host: SpotifyHost): void {
    if (host === 'Spotify') {
      this.lastSuccessAtMs = this.now();
      this.refusalsInARow = 0;
    }
    const ended = this.faults.passed(host);
    if (ended !== null) this.logger.log(`Mended, calls go on. It was: ${ended.message}`);
  }

  private noteFailure(host: SpotifyHost, error: unknown): void {
    if (!(error instanceof AppError) || verdictOf(error) === 'unknown') return;
    this.lastFailure = { atMs: this.now(), slug: error.slug };
    const message = this.faultOf(host, error);
    if (message !== null && this.faults.met(host, message, this.now()))
      this.logger.error(`${message} One call a minute tells whether it is mended.`);
  }

  /** What an operator has to mend; null where the error is none of that kind, or not yet. */
  private faultOf(host: SpotifyHost, error: AppError): string | null {
    if (error instanceof SpotifyFaultError) return error.message;
    if (!(error instanceof SpotifyForbiddenError)) return null;
    this.refusalsInARow += 1;
    if (this.refusalsInARow < REFUSALS_TO_FAULT) return null;
    return `${host} refuses every call of this application (status 403).`;
  }
}

/** A call that was not made, for want of leave or because its caller went, says nothing of the host. */
function verdictOf(error: unknown): CallVerdict {
  if (error instanceof SpotifyOutageError || error instanceof SourceTimeoutError) return 'fails';
  return error instanceof SpotifyRateLimitError || error instanceof SourceError ? 'answers' : 'unknown';
}
