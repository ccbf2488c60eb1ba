import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, type EntityManager, In, LessThan, type ObjectLiteral } from 'typeorm';
import { inTransaction } from '../common/transaction';
import type { Isrc } from '../recording/isrc';
import type { Recording, RecordingArtist } from '../recording/recording';
import { Album } from './entities/album.entity';
import { Artist } from './entities/artist.entity';
import { Candidate } from './entities/candidate.entity';
import { ArtistGram, TrackGram } from './entities/name-gram.entity';
import { RecordingMiss } from './entities/recording-miss.entity';
import { TrackArtist } from './entities/track-artist.entity';
import { Track } from './entities/track.entity';
import { gramsOf, normaliseName } from './name-search';
import { loadTracks, type StoredTrack } from './stored-track.query';

/** Rows of one statement: SQLite binds at most 32,766 values. */
const ROWS_A_STATEMENT = 500;
/** Popularity is 0-100; what is not told sorts behind all. */
const RANK_WITHOUT_POPULARITY = 101;

/** Writes tracks with all that belongs to them, each call in one transaction, and reads them by ISRC. */
@Injectable()
export class TracksRepository {
  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  async findTrack(isrc: Isrc): Promise<StoredTrack | null> {
    const [track] = await loadTracks(this.dataSource.manager, [isrc]);
    return track ?? null;
  }

  /** The stored ones among `isrcs`, in no order. */
  findTracks(isrcs: readonly Isrc[]): Promise<StoredTrack[]> {
    return loadTracks(this.dataSource.manager, isrcs);
  }

  /** The source's tracks under a stored ISRC, best first; empty where none is stored. */
  listCandidates(isrc: Isrc): Promise<Candidate[]> {
    return this.dataSource.manager.find(Candidate, { where: { isrc }, order: { position: 'ASC' } });
  }

  /**
   * Stores what the source found, in place of what was stored. Safe beside any other writer: of several that create the
   * same track, one is told that it did. `onlyIfStored`: a track that was removed meanwhile stays removed ('gone').
   */
  saveRecording(
    recording: Recording,
    { onlyIfStored }: { onlyIfStored: boolean },
  ): Promise<'created' | 'replaced' | 'gone'> {
    return inTransaction(this.dataSource, async (manager) => {
      const { isrc, chosen } = recording;
      const stored = await manager.findOneBy(Track, { isrc });
      if (stored === null && onlyIfStored) return 'gone';
      const credits = stored === null ? [] : await manager.findBy(TrackArtist, { isrc });
      const track = toTrack(recording, stored);

      // The track's row comes first: whoever else writes this track waits here, or fails and finds the row then.
      if (stored === null) await manager.insert(Track, track);
      else if ((await manager.update(Track, { isrc }, track)).affected === 0) return 'gone';
      await saveAlbum(manager, chosen.album);
      await saveArtists(manager, chosen.artists);
      if (stored?.titleNorm !== track.titleNorm) {
        await manager.delete(TrackGram, { isrc });
        await insertRows(
          manager,
          TrackGram,
          gramsOf(track.titleNorm).map((gram) => ({ gram, isrc })),
        );
      }
      await manager.delete(TrackArtist, { isrc });
      await insertRows(
        manager,
        TrackArtist,
        chosen.artists.map(({ id }, position) => ({
          isrc,
          position,
          artistId: id,
          sortRank: track.sortRank,
        })),
      );
      await manager.delete(Candidate, { isrc });
      await insertRows(
        manager,
        Candidate,
        recording.candidates.map((details, position) => ({
          isrc,
          position,
          sourceId: details.id,
          isChosen: details.id === chosen.id,
          details,
        })),
      );
      await manager.delete(RecordingMiss, { isrc });
      const current = new Set(chosen.artists.map(({ id }) => id));
      await removeOrphans(
        manager,
        credits.map(({ artistId }) => artistId).filter((id) => !current.has(id)),
        stored === null || stored.albumId === chosen.album.id ? [] : [stored.albumId],
      );
      return stored === null ? 'created' : 'replaced';
    });
  }

  /** Removes a track, and albums and artists that no other track has. False where it is not stored. */
  deleteTrack(isrc: Isrc): Promise<boolean> {
    return inTransaction(this.dataSource, async (manager) => {
      const stored = await manager.findOneBy(Track, { isrc });
      const { affected } = await manager.delete(Track, { isrc });
      if (stored === null || affected === 0) return false;
      const credits = await manager.findBy(TrackArtist, { isrc });
      for (const part of [TrackArtist, TrackGram, Candidate]) await manager.delete(part, { isrc });
      await removeOrphans(
        manager,
        credits.map(({ artistId }) => artistId),
        [stored.albumId],
      );
      return true;
    });
  }

  /** Whether the source lately did not know this ISRC. */
  async hasRecentMiss(isrc: Isrc, now: Date): Promise<boolean> {
    const miss = await this.dataSource.manager.findOneBy(RecordingMiss, { isrc });
    return miss !== null && miss.expiresAt > now;
  }

  /** Remembers that the source does not know this ISRC, and forgets such notes that have expired. */
  async rememberMiss(isrc: Isrc, now: Date, expiresAt: Date): Promise<void> {
    await inTransaction(this.dataSource, async (manager) => {
      await manager.delete(RecordingMiss, { expiresAt: LessThan(now) });
      await manager
        .createQueryBuilder()
        .insert()
        .into(RecordingMiss)
        .values({ isrc, expiresAt })
        .orUpdate(['expires_at_ms'], ['isrc'])
        .execute();
    });
  }
}

function toTrack(
  { isrc, chosen, source, fetchedAt, match, candidates }: Recording,
  stored: Track | null,
): Track {
  return {
    isrc,
    title: chosen.title,
    titleNorm: normaliseName(chosen.title),
    albumId: chosen.album.id,
    durationMs: chosen.durationMs,
    explicit: chosen.explicit,
    popularity: chosen.popularity,
    sortRank: chosen.popularity === null ? RANK_WITHOUT_POPULARITY : 100 - chosen.popularity,
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
}

async function saveAlbum(manager: EntityManager, album: Recording['chosen']['album']): Promise<void> {
  await manager
    .createQueryBuilder()
    .insert()
    .into(Album)
    .values({ ...album, images: [...album.images] })
    .orUpdate(
      [
        'title',
        'type',
        'release_date',
        'release_date_precision',
        'total_tracks',
        'upc',
        'label',
        'url',
        'images',
      ],
      ['id'],
    )
    .updateEntity(false)
    .execute();
}

/** Sorted by id, so that transactions with artists in common take their locks in the same order. */
async function saveArtists(manager: EntityManager, artists: readonly RecordingArtist[]): Promise<void> {
  const rows = artists
    .map(({ id, name, url }) => ({ id, name, nameNorm: normaliseName(name), url }))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  const stored = await manager.findBy(Artist, { id: In(rows.map(({ id }) => id)) });
  const storedNames = new Map(stored.map(({ id, nameNorm }) => [id, nameNorm]));
  await manager
    .createQueryBuilder()
    .insert()
    .into(Artist)
    .values(rows)
    .orUpdate(['name', 'name_norm', 'url'], ['id'])
    .updateEntity(false)
    .execute();
  for (const { id, nameNorm } of rows.filter((row) => storedNames.get(row.id) !== row.nameNorm)) {
    if (storedNames.has(id)) await manager.delete(ArtistGram, { artistId: id });
    await insertRows(
      manager,
      ArtistGram,
      gramsOf(nameNorm).map((gram) => ({ gram, artistId: id })),
    );
  }
}

/**
 * Removes those artists and albums that no track has any more. Their rows are locked first: a writer who is about to use
 * one of them has it locked already (it has just upserted it), or will make it anew.
 */
async function removeOrphans(
  manager: EntityManager,
  artistIds: readonly string[],
  albumIds: readonly string[],
): Promise<void> {
  const lockable = manager.dataSource.options.type !== 'better-sqlite3'; // there, a transaction has the whole file
  if (artistIds.length > 0) {
    const ids = [...artistIds].sort();
    if (lockable)
      await manager
        .createQueryBuilder(Artist, 'artist')
        .setLock('pessimistic_write')
        .whereInIds(ids)
        .orderBy('artist.id')
        .getMany();
    await manager
      .createQueryBuilder()
      .delete()
      .from(Artist)
      .where(
        'id IN (:...ids) AND NOT EXISTS (SELECT 1 FROM track_artist WHERE track_artist.artist_id = artist.id)',
        { ids },
      )
      .execute();
    await manager
      .createQueryBuilder()
      .delete()
      .from(ArtistGram)
      .where(
        'artist_id IN (:...ids) AND NOT EXISTS (SELECT 1 FROM artist WHERE artist.id = artist_gram.artist_id)',
        { ids },
      )
      .execute();
  }
  if (albumIds.length > 0) {
    const ids = [...albumIds];
    if (lockable)
      await manager.createQueryBuilder(Album, 'album').setLock('pessimistic_write').whereInIds(ids).getMany();
    await manager
      .createQueryBuilder()
      .delete()
      .from(Album)
      .where('id IN (:...ids) AND NOT EXISTS (SELECT 1 FROM track WHERE track.album_id = album.id)', { ids })
      .execute();
  }
}

async function insertRows<Row extends ObjectLiteral>(
  manager: EntityManager,
  entity: new () => Row,
  rows: readonly Row[],
): Promise<void> {
  for (let at = 0; at < rows.length; at += ROWS_A_STATEMENT) {
    await manager
      .createQueryBuilder()
      .insert()
      .into(entity)
      .values(rows.slice(at, at + ROWS_A_STATEMENT))
      .updateEntity(false)
      .execute();
  }
}
