import { hash } from 'node:crypto';
import { type ShownTrack, toTrackView } from './dto/track.view';

/** Where MySQL and MariaDB end a `text` column. */
const MAX_BYTES = 65_535;
/** The tag of a view that does not fit the column: it is made from the rows at each read. */
const TOO_LONG = 'too-long';

/** A view as JSON, ready to send, and the name of its bytes: its strong ETag without the quotes. */
export interface TrackDocument {
  readonly isrc: string;
  readonly body: string;
  readonly tag: string;
}

/** The document of a track. */
export function toDocument(track: ShownTrack): TrackDocument {
  const body = JSON.stringify(toTrackView(track));
  return { isrc: track.isrc, body, tag: hash('sha1', body, 'base64url') };
}

/** Whether the tag says that there is no document, and never will be. */
export function isTooLong(tag: string | null): boolean {
  return tag === TOO_LONG;
}

/** What is kept of a document with the track. */
export function toDocumentColumns({ body, tag }: TrackDocument): {
  document: string | null;
  documentTag: string;
} {
  return Buffer.byteLength(body) <= MAX_BYTES
    ? { document: body, documentTag: tag }
    : { document: null, documentTag: TOO_LONG };
}
