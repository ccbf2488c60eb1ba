import { AppError } from '../common/app-error';
import type { Isrc } from '../recording/isrc';

/** No track is stored here under this ISRC. */
export class TrackNotFoundError extends AppError {
  constructor(isrc: Isrc) {
    super('track-not-found', `No track is stored under ${isrc}. POST /v1/tracks fetches it.`);
  }
}

/** The source has no recording under this ISRC. */
export class RecordingNotFoundError extends AppError {
  constructor(isrc: Isrc) {
    super('recording-not-found', `The source has no recording under ${isrc}.`);
  }
}

/** No stored track names an artist with this id. */
export class ArtistNotFoundError extends AppError {
  constructor() {
    super('not-found', 'No stored track has an artist with this id.');
  }
}
