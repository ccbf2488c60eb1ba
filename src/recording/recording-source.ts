import { AppError } from '../common/app-error';
import type { Isrc } from './isrc';
import type { Recording, SourceName } from './recording';

/** The port to whoever knows recordings. `sources/` binds it to what the configuration asks for. */
export abstract class RecordingSource {
  abstract readonly name: SourceName;

  /**
   * Finds what stands behind an ISRC; null where the source has no recording under it.
   * @throws SourceUnavailableError where the source may not or cannot be asked now
   * @throws SourceTimeoutError where it did not answer in time
   * @throws SourceError where its answer cannot be used, or it refuses our credentials
   */
  abstract findByIsrc(isrc: Isrc): Promise<Recording | null>;
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
