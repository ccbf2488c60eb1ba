import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, LessThan } from 'typeorm';
import { inTransaction } from '../common/transaction';
import type { Isrc } from '../recording/isrc';
import type { Recording } from '../recording/recording';
import type { KnownRecording } from '../recording/recording-source';
import { Album } from './entities/album.entity';
import { Artist } from './entities/artist.entity';
import { Candidate } from './entities/candidate.entity';
import { TrackGram } from './entities/name-gram.entity';
import { RecordingMiss } from './entities/recording-miss.entity';
import { TrackArtist } from './entities/track-artist.entity';
import { Track } from './entities/track.entity';
import { loadKnownRecordings } from './known-recordings.query';
import { gramsOf, normaliseName } from './name-search';
import { loadTracks, type StoredTrack } from './stored-track.query';
import { insertRows, lockRows, removeOrphans, saveOwners } from './track-owners.query';

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

  /** The stored ones among `isrcs`, as `RecordingSource.refetch` takes them. */
  listKnown(isrcs: readonly Isrc[]): Promise<KnownRecording[]> {
    return loadKnownRecordings(this.dataSource.manager, isrcs);
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
      const [stored = null] = await lockRows(manager, Track, 'isrc', [isrc]);
      if (stored === null && onlyIfStored) return 'gone';
      const credits = stored === null ? [] : await manager.findBy(TrackArtist, { isrc });
      const track = toTrack(recording, stored);

      // The track's row comes first: whoever else writes this track waits here, or fails and finds the row then.
      if (stored === null) await manager.insert(Track, track);
      else await manager.update(Track, { isrc }, track);
      await saveOwners(manager, chosen, {
        albumIds: stored === null ? [] : [stored.albumId],
        artistIds: credits.map(({ artistId }) => artistId),
      });
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
      const [stored] = await lockRows(manager, Track, 'isrc', [isrc]);
      if (stored === undefined) return false;
      await manager.delete(Track, { isrc });
      const artistIds = (await manager.findBy(TrackArtist, { isrc })).map(({ artistId }) => artistId);
      for (const part of [TrackArtist, TrackGram, Candidate]) await manager.delete(part, { isrc });
      await lockRows(manager, Album, 'id', [stored.albumId]);
      await lockRows(manager, Artist, 'id', artistIds);
      await removeOrphans(manager, artistIds, [stored.albumId]);
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
    // Two transactions: one that held its own row while it removes others' would deadlock with its like.
    await inTransaction(this.dataSource, (manager) =>
      manager
        .createQueryBuilder()
        .insert()
        .into(RecordingMiss)
        .values({ isrc, expiresAt })
        .orUpdate(['expires_at_ms'], ['isrc'])
        .execute(),
    );
    await inTransaction(this.dataSource, (manager) =>
      manager.delete(RecordingMiss, { expiresAt: LessThan(now) }),
    );
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
