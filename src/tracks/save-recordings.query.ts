import type { EntityManager } from 'typeorm';
import type { Isrc } from '../recording/isrc';
import type { Recording, SourceTrack } from '../recording/recording';
import { toAlbumView } from './dto/track.view';
import { Candidate, type CandidateDetails } from './entities/candidate.entity';
import { RecordingMiss } from './entities/recording-miss.entity';
import { TrackArtist } from './entities/track-artist.entity';
import { Track } from './entities/track.entity';
import { indexRenamed, indexTracks } from './name-index.query';
import { normaliseName } from './name-search';
import { deleteRows, insertRows, selectRows } from './rows.query';
import { toDocument, toDocumentColumns } from './track-document';
import type { TrackEntry } from './track-entry';
import { type FormerOwners, type Owners, ownersOf, removeOrphans, saveOwners } from './track-owners.query';

/** What became of a recording: `gone` where the track was to be replaced only, and is not there any more. */
export type SaveOutcome = 'created' | 'replaced' | 'gone';

/** Popularity is 0-100; what is not told sorts behind all. */
const RANK_WITHOUT_POPULARITY = 101;

const TRACK_PROPERTIES = [
  'isrc', 'title', 'titleNorm', 'albumId', 'durationMs', 'explicit', 'popularity', 'sortRank', 'discNumber', 'trackNumber',
  'previewUrl', 'availableMarkets', 'sourceName', 'sourceId', 'sourceUrl', 'fetchedAt', 'matchRule', 'matchCandidates',
  'matchMarket', 'createdAt', 'updatedAt', 'document', 'documentTag',
] as const satisfies readonly (keyof Track)[]; // prettier-ignore

const HELD_PROPERTIES = ['isrc', 'sortRank', 'albumId', 'createdAt'] as const;
type Held = Pick<Track, (typeof HELD_PROPERTIES)[number]>;

/**
 * Stores recordings of different ISRCs in place of what was stored, within the caller's transaction; with the same end as one
 * by one in the order given. Rows are held and written in one order by all: tracks, albums, artists, each by key.
 */
export async function saveRecordingsWithin(
  manager: EntityManager,
  recordings: readonly Recording[],
  { onlyIfStored }: { onlyIfStored: boolean },
): Promise<Map<Isrc, SaveOutcome>> {
  const stored = await selectRows(
    manager,
    Track,
    'isrc',
    recordings.map(({ isrc }) => isrc),
    { properties: HELD_PROPERTIES, hold: 'alone' },
  );
  const held = new Map<string, Held>(stored.map((track) => [track.isrc, track]));
  const outcomes = new Map(
    recordings.map(
      ({ isrc }) => [isrc, held.has(isrc) ? 'replaced' : onlyIfStored ? 'gone' : 'created'] as const,
    ),
  );
  const saved = recordings.filter(({ isrc }) => outcomes.get(isrc) !== 'gone');
  if (saved.length === 0) return outcomes;
  const former = await findFormerOwners(manager, stored);
  const owners = ownersOf(saved);
  const tracks = saved.map((recording) => toTrack(recording, held.get(recording.isrc), owners));
  await saveTracks(manager, tracks, held);
  const { renamedArtistIds } = await saveOwners(manager, owners, former);
  await saveParts(manager, saved, [...held.keys()]);
  await indexTracks(
    manager,
    saved.map((recording) => toEntry(recording, owners)),
    stored,
  );
  await indexRenamed(manager, renamedArtistIds, new Set(saved.map(({ isrc }) => isrc)));
  await removeOrphans(manager, {
    albumIds: former.albumIds.filter((id) => !owners.albums.has(id)),
    artistIds: former.artistIds.filter((id) => !owners.artists.has(id)),
  });
  return outcomes;
}

/** What stored tracks stand on. */
async function findFormerOwners(manager: EntityManager, stored: readonly Held[]): Promise<FormerOwners> {
  const isrcs = stored.map(({ isrc }) => isrc);
  const credits = await selectRows(manager, TrackArtist, 'isrc', isrcs, { properties: ['artistId'] });
  return {
    albumIds: [...new Set(stored.map(({ albumId }) => albumId))],
    artistIds: [...new Set(credits.map(({ artistId }) => artistId))],
  };
}

/** Writes the rows of tracks, before all else: whoever else writes one of them waits here, or fails and finds it then. */
async function saveTracks(
  manager: EntityManager,
  tracks: readonly Track[],
  held: ReadonlyMap<string, Held>,
): Promise<void> {
  const inOrder = [...tracks].sort((a, b) => (a.isrc < b.isrc ? -1 : 1));
  await insertRows(
    manager,
    Track,
    inOrder.filter(({ isrc }) => !held.has(isrc)),
  );
  await insertRows(
    manager,
    Track,
    inOrder.filter(({ isrc }) => held.has(isrc)),
    TRACK_PROPERTIES,
  );
}

/** Writes what belongs to one track alone, in place of what the stored ones had. */
async function saveParts(
  manager: EntityManager,
  recordings: readonly Recording[],
  stored: readonly string[],
): Promise<void> {
  await deleteRows(manager, TrackArtist, 'isrc', stored);
  await deleteRows(manager, Candidate, 'isrc', stored);
  const credits = recordings.flatMap(({ isrc, chosen }) =>
    chosen.artists.map(({ id }, position) => ({
      isrc,
      position,
      artistId: id,
      sortRank: rankOf(chosen.popularity),
    })),
  );
  await insertRows(manager, TrackArtist, credits);
  const candidates = recordings.flatMap((recording) =>
    recording.candidates.map((details, position) => ({
      isrc: recording.isrc,
      position,
      sourceId: details.id,
      isChosen: details.id === recording.chosen.id,
      details: toDetails(details),
    })),
  );
  await insertRows(manager, Candidate, candidates);
  await deleteRows(
    manager,
    RecordingMiss,
    'isrc',
    recordings.map(({ isrc }) => isrc),
  );
}

/** What is kept of a candidate. */
function toDetails(candidate: SourceTrack): CandidateDetails {
  const { id, title, url, durationMs, explicit, popularity, discNumber, trackNumber, availableMarkets } =
    candidate;
  const album = toAlbumView(candidate.album);
  return {
    id,
    title,
    url,
    album,
    durationMs,
    explicit,
    popularity,
    discNumber,
    trackNumber,
    availableMarkets,
  };
}

/** The row of a track, with its document, which shows album and artists as they are saved with it. */
function toTrack(
  { isrc, chosen, source, fetchedAt, match, candidates }: Recording,
  stored: Held | undefined,
  { albums, artists }: Owners,
): Track {
  const track = {
    isrc,
    title: chosen.title,
    titleNorm: normaliseName(chosen.title),
    albumId: chosen.album.id,
    durationMs: chosen.durationMs,
    explicit: chosen.explicit,
    popularity: chosen.popularity,
    sortRank: rankOf(chosen.popularity),
    discNumber: chosen.discNumber,
    trackNumber: chosen.trackNumber,
    previewUrl: chosen.previewUrl,
    availableMarkets: chosen.availableMarkets === null ? null : [...chosen.availableMarkets],
    sourceName: source,
    sourceId: chosen.id,
    sourceUrl: chosen.url,
    fetchedAt,
    matchRule: match.rule,
    matchCandidates: candidates.length,
    matchMarket: match.market,
    createdAt: stored?.createdAt ?? fetchedAt,
    updatedAt: fetchedAt,
  };
  const document = toDocument({
    ...track,
    album: albums.get(chosen.album.id) ?? chosen.album,
    credits: chosen.artists.map((artist) => ({ artist: artists.get(artist.id) ?? artist })),
  });
  return { ...track, ...toDocumentColumns(document) };
}

function rankOf(popularity: number | null): number {
  return popularity === null ? RANK_WITHOUT_POPULARITY : 100 - popularity;
}

/** What a saved track is found by. */
function toEntry({ isrc, chosen }: Recording, { artists }: Owners): TrackEntry {
  return {
    isrc,
    sortRank: rankOf(chosen.popularity),
    title: normaliseName(chosen.title),
    artists: chosen.artists.map((artist) => normaliseName((artists.get(artist.id) ?? artist).name)),
  };
}
