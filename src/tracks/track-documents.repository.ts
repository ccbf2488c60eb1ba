import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, type EntityManager, LessThan } from 'typeorm';
import { cacheCounts } from '../common/cache-counts';
import { CoalescedReads } from '../common/coalesced-reads';
import { ReadDatabase } from '../common/read-database';
import { inTransaction } from '../common/transaction';
import { OwnerChange } from './entities/owner-change.entity';
import { TrackArtist } from './entities/track-artist.entity';
import { Track } from './entities/track.entity';
import type { TrackDocument } from './track-document';
import { type FoundDocuments, loadDocuments, rewriteDocuments } from './track-documents.query';

/** Keys of one statement, and statements at once: more of either gain nothing. */
const READS = { maxKeys: 200, maxRunning: 2 };
const TRACKS_A_TRANSACTION = 200;
/** Whoever mends and dies holds the others up for so long. */
const CLAIM_MS = 30_000;
const NOBODY = new Date(0);

/** Reads tracks as documents ready to send, and mends documents that albums and artists have left behind. */
@Injectable()
export class TrackDocumentsRepository implements OnModuleDestroy {
  private readonly logger = new Logger(TrackDocumentsRepository.name);
  private readonly reads: CoalescedReads<TrackDocument>;
  /** Since the last statement. */
  private asked = 0;
  private readonly without = new Set<string>();
  private mending: Promise<void> | null = null;
  private isStopping = false;

  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    private readonly database: ReadDatabase,
  ) {
    this.reads = new CoalescedReads((isrcs) => {
      cacheCounts.note('track-reads', 'miss');
      cacheCounts.note('track-reads', 'hit', Math.max(0, this.asked - 1));
      this.asked = 0;
      return this.findMany(isrcs);
    }, READS);
  }

  /** The view of a stored track as it is now; null where it is not stored. */
  find(isrc: string): Promise<TrackDocument | null> {
    this.asked += 1;
    return this.reads.find(isrc);
  }

  /** The views of the stored ones among `isrcs`, by ISRC. */
  async findMany(isrcs: readonly string[]): Promise<ReadonlyMap<string, TrackDocument>> {
    const found = await this.database.read((manager) => loadDocuments(manager, isrcs), isrcs.length);
    this.note(found);
    return found.documents;
  }

  /** Has what a read met mended in the background. */
  note({ hasChanges, without }: Pick<FoundDocuments, 'hasChanges' | 'without'>): void {
    for (const isrc of without) if (this.without.size < TRACKS_A_TRANSACTION) this.without.add(isrc);
    if (hasChanges || this.without.size > 0) this.mendSoon();
  }

  /** Mends in the background what there is to mend, unless that is under way in this process. */
  mendSoon(): void {
    if (this.isStopping || this.mending !== null) return;
    this.mending = this.mend()
      .catch((error: unknown) => {
        // Reads go by the rows meanwhile, and the next one tries again.
        this.logger.warn(`Documents could not be mended: ${error instanceof Error ? error.message : ''}`);
      })
      .finally(() => {
        this.mending = null;
      });
  }

  async onModuleDestroy(): Promise<void> {
    this.isStopping = true;
    await this.mending;
  }

  private async mend(): Promise<void> {
    const without = [...this.without];
    this.without.clear();
    if (without.length > 0) await this.rewrite(without);
    for (let change = await this.claim(); change !== null; change = await this.claim()) {
      try {
        await this.mendOwner(change);
      } finally {
        // What is left, after a fault, at the stop, or because it changed again, is anybody's.
        await this.setClaim(change, NOBODY);
      }
    }
  }

  private async mendOwner(change: OwnerChange): Promise<void> {
    for await (const isrcs of this.tracksOf(change)) {
      if (this.isStopping) return;
      await this.rewrite(isrcs);
      await this.setClaim(change, new Date(Date.now() + CLAIM_MS));
    }
    // Another change since then has another revision, and stays for another round.
    const { kind, ownerId, revision } = change;
    await this.dataSource.manager.delete(OwnerChange, { kind, ownerId, revision });
  }

  private rewrite(isrcs: readonly string[]): Promise<void> {
    return inTransaction(this.dataSource, (manager) => rewriteDocuments(manager, isrcs));
  }

  /** Takes a change that nobody is at; null where there is none. */
  private async claim(): Promise<OwnerChange | null> {
    const { manager } = this.dataSource;
    const now = new Date();
    while (!this.isStopping) {
      const [change] = await manager.find(OwnerChange, {
        where: { claimedUntil: LessThan(now) },
        order: { kind: 'ASC', ownerId: 'ASC' },
        take: 1,
      });
      if (change === undefined) return null;
      if (await this.takeClaim(manager, change, now)) return change;
    }
    return null;
  }

  /** One conditional update: of several processes one gets it. */
  private async takeClaim(manager: EntityManager, change: OwnerChange, now: Date): Promise<boolean> {
    const { kind, ownerId, revision } = change;
    const { affected } = await manager.update(
      OwnerChange,
      { kind, ownerId, revision, claimedUntil: LessThan(now) },
      { claimedUntil: new Date(now.getTime() + CLAIM_MS) },
    );
    return affected === 1;
  }

  private async setClaim({ kind, ownerId }: OwnerChange, claimedUntil: Date): Promise<void> {
    await this.dataSource.manager.update(OwnerChange, { kind, ownerId }, { claimedUntil });
  }

  /**
   * The tracks of an owner, part by part along an index. One that is saved meanwhile may be passed over: it got its document as
   * it was saved.
   */
  private async *tracksOf({ kind, ownerId }: OwnerChange): AsyncGenerator<string[]> {
    const { manager } = this.dataSource;
    let after: { rank: number; isrc: string } | undefined;
    for (;;) {
      const query =
        kind === 'album'
          ? manager
              .createQueryBuilder(Track, 'row')
              .where('row.album_id = :ownerId', { ownerId })
              .andWhere('row.isrc > :isrc', { isrc: after?.isrc ?? '' })
          : manager
              .createQueryBuilder(TrackArtist, 'row')
              .where('row.artist_id = :ownerId', { ownerId })
              .andWhere('row.sort_rank >= :rank AND (row.sort_rank > :rank OR row.isrc > :isrc)', {
                rank: after?.rank ?? -1,
                isrc: after?.isrc ?? '',
              })
              .orderBy('row.sort_rank', 'ASC');
      const rows = await query
        .select('row.sort_rank', 'rank')
        .addSelect('row.isrc', 'isrc')
        .addOrderBy('row.isrc', 'ASC')
        .limit(TRACKS_A_TRANSACTION)
        .getRawMany<{ rank: number; isrc: string }>();
      if (rows.length > 0) yield rows.map(({ isrc }) => isrc);
      after = rows.at(-1);
      if (rows.length < TRACKS_A_TRANSACTION) return;
    }
  }
}
