import { AppError } from '../common/app-error';
import type { Isrc } from './isrc';
import type { Recording, SourceName } from './recording';

/** How a recording is asked for. */
export interface FindAsk {
  /** Whether somebody waits for the answer, or it is work in the background that can be put off. */
  readonly lane: 'interactive' | 'bulk';
  /** Aborted when nobody wants the answer any more; the find then rejects with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** A recording that is kept, by the ids of its tracks. */
export interface KnownRecording {
  readonly isrc: Isrc;
  readonly candidateIds: readonly string[];
  /** The market in which it was found; null: without one. */
  readonly market: string | null;
}

/** The recording as it is now, or why it could not be fetched. */
export type Refetched = Recording | AppError;

/** What a source says of itself, for whoever runs the service: plain data, ready for JSON. */
export interface SourceReport {
  /** `degraded` where it cannot be asked now, or is about to be refused. */
  readonly state: 'ok' | 'degraded';
  /** Calls of the last 24 hours, and how many it lets be sent in as long; null: no limit. */
  readonly day?: {
    readonly used: number;
    readonly limit: number | null;
    /** Those that background work made, and how many it may. */
    readonly bulkUsed: number;
    readonly bulkLimit: number | null;
  };
  /** Calls a minute that background work may send when nobody else does; null: no limit is known. */
  readonly bulkCallsPerMinute?: number | null;
  readonly [figure: string]: unknown;
}

/** The port to whoever knows recordings. `sources/` binds it to what the configuration asks for. */
export abstract class RecordingSource {
  abstract readonly name: SourceName;

  /**
   * Finds what stands behind an ISRC; null where the source has no recording under it.
   * @throws SourceUnavailableError where the source may not or cannot be asked now
   * @throws SourceTimeoutError where it did not answer in time
   * @throws SourceError where its answer cannot be used, or it refuses our credentials
   */
  abstract findByIsrc(isrc: Isrc, ask: FindAsk): Promise<Recording | null>;

  /**
   * What the source says now of recordings that are kept, as far as it can tell of many at once for fewer calls than one by
   * one: each chosen anew among its known tracks. Ask `findByIsrc` for those that the answer leaves out: their tracks are
   * gone, or carry another code, or many cannot be asked for at once. Never throws for what one of them meets.
   */
  abstract refetch(known: readonly KnownRecording[], ask: FindAsk): Promise<ReadonlyMap<Isrc, Refetched>>;

  /** How the source is doing, told without asking it. */
  abstract report(): Promise<SourceReport>;
}

/** The source cannot be asked now (rate limit, quota, outage); worth another try after the seconds named. */
export class SourceUnavailableError extends AppError {
  constructor(detail: string, retryAfterSeconds: number, cause?: unknown) {
    super('source-unavailable', detail, { retryAfterSeconds, cause });
  }
}

/** The source took longer than a call may take. */
export class SourceTimeoutError extends AppError {
  constructor(detail: string, cause?: unknown) {
    super('source-timeout', detail, { cause });
  }
}

/** The source sent what cannot be used, or refuses this service's credentials. */
export class SourceError extends AppError {
  constructor(detail: string, cause?: unknown) {
    super('source-error', detail, { cause });
  }
}
