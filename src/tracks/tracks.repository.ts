import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, type EntityManager, LessThan } from 'typeorm';
import { OneDatabase, ReadDatabase } from '../common/read-database';
import { inTransaction } from '../common/transaction';
import type { Isrc } from '../recording/isrc';
import type { Recording } from '../recording/recording';
import type { KnownRecording } from '../recording/recording-source';
import { Candidate } from './entities/candidate.entity';
import { RecordingMiss } from './entities/recording-miss.entity';
import { TrackArtist } from './entities/track-artist.entity';
import { Track } from './entities/track.entity';
import { loadKnownRecordings } from './known-recordings.query';
import { indexTracks } from './name-index.query';
import { deleteRows, insertRows, selectRows } from './rows.query';
import { saveInParts } from './save-parts';
import { type SaveOutcome, saveRecordingsWithin } from './save-recordings.query';
import { loadTracks, type StoredTrack } from './stored-track.query';
import type { TrackDocument } from './track-document';
import { loadDocuments } from './track-documents.query';
import { holdOwners, removeOrphans } from './track-owners.query';

/** Transactions at the same time for one call: more gain little, and connections are for others too. */
const TRANSACTIONS_AT_ONCE = 3;

/** How recordings are saved. */
export interface SaveOptions {
  /** A track that was removed meanwhile stays removed (`gone`). */
  readonly onlyIfStored: boolean;
  /**
   * Runs last in each transaction, with what became of the recordings saved in it; what it throws undoes them. Repeated with the
   * whole transaction where the engine asks for it, so without effect outside of the database.
   */
  readonly within?: (manager: EntityManager, outcomes: ReadonlyMap<Isrc, SaveOutcome>) => Promise<void>;
}

/** Writes tracks with all that belongs to them, each call in one transaction, and reads them by ISRC. */
@Injectable()
export class TracksRepository {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly reads: ReadDatabase = new OneDatabase(dataSource),
  ) {}

  /** A stored track from its rows. */
  async findTrack(isrc: Isrc): Promise<StoredTrack | null> {
    const [track] = await loadTracks(this.dataSource.manager, [isrc]);
    return track ?? null;
  }

  /** The view of a stored track as the database has it that is written; for callers who are about to write, or just did. */
  async findDocument(isrc: Isrc): Promise<TrackDocument | null> {
    const { documents } = await loadDocuments(this.dataSource.manager, [isrc]);
    return documents.get(isrc) ?? null;
  }

  /** The stored ones among `isrcs`, as `RecordingSource.refetch` takes them. */
  listKnown(isrcs: readonly Isrc[]): Promise<KnownRecording[]> {
    return loadKnownRecordings(this.dataSource.manager, isrcs);
  }

  /** The source's tracks under a stored ISRC, best first; empty where none is stored. */
  listCandidates(isrc: Isrc): Promise<Candidate[]> {
    return this.dataSource.manager.find(Candidate, { where: { isrc }, order: { position: 'ASC' } });
  }

  /** Which of `isrcs` are stored. */
  async findStored(isrcs: readonly Isrc[]): Promise<ReadonlySet<Isrc>> {
    const rows = await selectRows(this.dataSource.manager, Track, 'isrc', isrcs, { properties: ['isrc'] });
    return new Set(rows.map(({ isrc }) => isrc as Isrc));
  }

  /** Which of `isrcs` are stored as they were fetched at this moment or later. */
  async findFetchedSince(isrcs: readonly Isrc[], since: Date): Promise<ReadonlySet<Isrc>> {
    const rows = await selectRows(this.dataSource.manager, Track, 'isrc', isrcs, {
      properties: ['isrc', 'fetchedAt'],
    });
    return new Set(rows.filter(({ fetchedAt }) => fetchedAt >= since).map(({ isrc }) => isrc as Isrc));
  }

  /** `saveRecordings` of one. */
  async saveRecording(recording: Recording, options: { onlyIfStored: boolean }): Promise<SaveOutcome> {
    const outcomes = await this.saveRecordings([recording], options);
    return outcomes.get(recording.isrc) ?? 'gone';
  }

  /**
   * Stores what the source found, in place of what was stored: all that belongs to it, in transactions of at most 1,000 rows,
   * the entries of the name index apart; each is done whole or not at all. The end is the same as if they were saved one by one
   * in this order. Safe beside any other writer: of several that create the same track, one is told that it did.
   */
  async saveRecordings(
    recordings: readonly Recording[],
    { onlyIfStored, within }: SaveOptions,
  ): Promise<Map<Isrc, SaveOutcome>> {
    const all = new Map<Isrc, SaveOutcome>();
    // SQLite has one writer.
    const atOnce = this.dataSource.options.type === 'better-sqlite3' ? 1 : TRANSACTIONS_AT_ONCE;
    await saveInParts(recordings, atOnce, async (part) => {
      const outcomes = await inTransaction(this.dataSource, async (manager) => {
        const saved = await saveRecordingsWithin(manager, part, { onlyIfStored });
        await within?.(manager, saved);
        await this.reads.noteWrite(manager);
        return saved;
      });
      // Of an ISRC that came twice, what became of it first: the second can only have replaced the first.
      for (const [isrc, outcome] of outcomes) if (!all.has(isrc)) all.set(isrc, outcome);
    });
    return all;
  }

  /** Removes a track, and albums and artists that no other track has. False where it is not stored. */
  async deleteTrack(isrc: Isrc): Promise<boolean> {
    return inTransaction(this.dataSource, async (manager) => {
      const [stored] = await selectRows(manager, Track, 'isrc', [isrc], {
        properties: ['isrc', 'sortRank', 'albumId'],
        hold: 'alone',
      });
      if (stored === undefined) return false;
      const credits = await selectRows(manager, TrackArtist, 'isrc', [isrc], { properties: ['artistId'] });
      const former = { albumIds: [stored.albumId], artistIds: credits.map(({ artistId }) => artistId) };
      await deleteRows(manager, Track, 'isrc', [isrc]);
      await deleteRows(manager, TrackArtist, 'isrc', [isrc]);
      await deleteRows(manager, Candidate, 'isrc', [isrc]);
      await holdOwners(manager, former);
      await indexTracks(manager, [], [stored]);
      await removeOrphans(manager, former);
      await this.reads.noteWrite(manager);
      return true;
    });
  }

  /** Which of `isrcs` the source lately did not know. */
  async findRecentMisses(isrcs: readonly Isrc[], now: Date): Promise<ReadonlySet<Isrc>> {
    const misses = await selectRows(this.dataSource.manager, RecordingMiss, 'isrc', isrcs, {
      properties: ['isrc', 'expiresAt'],
    });
    return new Set(misses.filter(({ expiresAt }) => expiresAt > now).map(({ isrc }) => isrc as Isrc));
  }

  /** Remembers that the source does not know these ISRCs, and forgets such notes that have expired. */
  async rememberMisses(isrcs: readonly Isrc[], now: Date, expiresAt: Date): Promise<void> {
    const misses = [...new Set(isrcs)].sort().map((isrc) => ({ isrc, expiresAt }));
    // Two transactions: one that held its own rows while it removes others' would deadlock with its like.
    await inTransaction(this.dataSource, (manager) =>
      insertRows(manager, RecordingMiss, misses, ['expiresAt']),
    );
    await inTransaction(this.dataSource, (manager) =>
      manager.delete(RecordingMiss, { expiresAt: LessThan(now) }),
    );
  }
}
