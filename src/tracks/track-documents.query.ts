import type { EntityManager } from 'typeorm';
import { Track } from './entities/track.entity';
import { type ReadyDocument, selectReadyDocuments } from './ready-documents.query';
import { insertRows, placesOf, selectRows } from './rows.query';
import { loadTracks } from './stored-track.query';
import { isTooLong, toDocument, toDocumentColumns, type TrackDocument } from './track-document';

/** Views of tracks, and whether the database has documents to mend. */
export interface FoundDocuments {
  readonly documents: ReadonlyMap<string, TrackDocument>;
  /** Albums or artists have changed, and not all documents show it yet. */
  readonly hasChanges: boolean;
  /** Stored without a document. */
  readonly without: readonly string[];
}

type DocumentRow = Omit<ReadyDocument, 'changed'>;

/** As many keys as a lookup asks for at most: one round trip. */
const KEYS_A_STATEMENT = 1000;

/**
 * The views of the stored ones among `isrcs`: their documents, read by key in one statement. While albums or artists are changed
 * whose documents are not mended yet, and for tracks without a document, the view is made from the rows.
 */
export async function loadDocuments(
  manager: EntityManager,
  isrcs: readonly string[],
): Promise<FoundDocuments> {
  const documents = new Map<string, TrackDocument>();
  const without: string[] = [];
  let hasChanges = false;
  for (let at = 0; at < isrcs.length; at += KEYS_A_STATEMENT) {
    const keys = isrcs.slice(at, at + KEYS_A_STATEMENT);
    const rows = await selectReadyDocuments(manager, keys);
    const isChanged = rows.some(({ changed }) => changed !== null);
    hasChanges ||= isChanged;
    const good = isChanged ? await loadUnchanged(manager, keys) : rows;
    for (const { isrc, body, tag } of good) {
      if (body !== null && tag !== null) documents.set(isrc, { isrc, body, tag });
    }
    const others = rows.filter(({ isrc }) => !documents.has(isrc));
    if (others.length === 0) continue;
    without.push(
      ...others.filter(({ body, tag }) => body === null && !isTooLong(tag)).map(({ isrc }) => isrc),
    );
    for (const track of await loadTracks(
      manager,
      others.map(({ isrc }) => isrc),
    )) {
      documents.set(track.isrc, toDocument(track));
    }
  }
  return { documents, hasChanges, without };
}

/** Those documents that no changed owner stands on. One statement: what is marked and what is kept must be of one moment. */
function loadUnchanged(manager: EntityManager, keys: string[]): Promise<DocumentRow[]> {
  return manager.query<DocumentRow[]>(
    `SELECT isrc, document AS body, document_tag AS tag FROM track
     WHERE isrc IN (${placesOf(manager, keys)})
     AND NOT EXISTS (SELECT 1 FROM owner_change
       WHERE owner_change.kind = 'album' AND owner_change.owner_id = track.album_id)
     AND NOT EXISTS (SELECT 1 FROM track_artist INNER JOIN owner_change
       ON owner_change.kind = 'artist' AND owner_change.owner_id = track_artist.artist_id
       WHERE track_artist.isrc = track.isrc)`,
    keys,
  );
}

/** Writes the documents of tracks anew, as their rows have them now. Within a transaction of the caller's: holds the tracks. */
export async function rewriteDocuments(manager: EntityManager, isrcs: readonly string[]): Promise<void> {
  await selectRows(manager, Track, 'isrc', isrcs, { properties: ['isrc'], hold: 'alone' });
  const tracks = await loadTracks(manager, isrcs);
  await insertRows(
    manager,
    Track,
    tracks.map((track) => ({ ...track, ...toDocumentColumns(toDocument(track)) })),
    ['document', 'documentTag'],
  );
}
