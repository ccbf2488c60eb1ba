import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { CodeColumn, JsonColumn, MomentColumn, TextColumn } from '../../common/columns';
import type { MatchRule, SourceName } from '../../recording/recording';

/**
 * A stored recording, one row an ISRC. No foreign keys: the schema is to run on sharded engines too, and the
 * repository writes and removes what belongs together in one transaction.
 */
@Entity('track')
@Index('ix_track_order', ['sortRank', 'isrc'])
@Index('ix_track_album', ['albumId'])
export class Track {
  @PrimaryColumn({
    name: 'isrc',
    type: 'varchar',
    length: 12,
    collation: 'C',
    primaryKeyConstraintName: 'pk_track',
  })
  isrc!: string;

  @TextColumn('title')
  title!: string;

  /** The title as `name-search.ts` normalises it. */
  @CodeColumn('title_norm', 500)
  titleNorm!: string;

  @CodeColumn('album_id', 64)
  albumId!: string;

  @Column({ name: 'duration_ms', type: 'integer' })
  durationMs!: number;

  @Column({ name: 'explicit', type: 'boolean' })
  explicit!: boolean;

  @Column({ name: 'popularity', type: 'smallint', nullable: true })
  popularity!: number | null;

  /** Place in lists: 100 - popularity, 101 where it is not told. Engines disagree on where nulls sort. */
  @Column({ name: 'sort_rank', type: 'smallint' })
  sortRank!: number;

  @Column({ name: 'disc_number', type: 'integer' })
  discNumber!: number;

  @Column({ name: 'track_number', type: 'integer' })
  trackNumber!: number;

  @TextColumn('preview_url', { nullable: true })
  previewUrl!: string | null;

  @JsonColumn('available_markets', { nullable: true })
  availableMarkets!: string[] | null;

  @CodeColumn('source_name', 20)
  sourceName!: SourceName;

  @CodeColumn('source_id', 64)
  sourceId!: string;

  @TextColumn('source_url')
  sourceUrl!: string;

  @MomentColumn('fetched_at_ms')
  fetchedAt!: Date;

  @CodeColumn('match_rule', 20)
  matchRule!: MatchRule;

  @Column({ name: 'match_candidates', type: 'integer' })
  matchCandidates!: number;

  @CodeColumn('match_market', 2, { nullable: true })
  matchMarket!: string | null;

  @MomentColumn('created_at_ms')
  createdAt!: Date;

  @MomentColumn('updated_at_ms')
  updatedAt!: Date;

  /**
   * The track's view as JSON, ready to send; null where it was never made, or does not fit. Never right by itself: an album or
   * artist may have changed since (`owner_change`).
   */
  @TextColumn('document', { nullable: true, select: false })
  document!: string | null;

  /** Names the bytes of `document`, for ETags; `TOO_LONG` where the view does not fit. */
  @CodeColumn('document_tag', 27, { nullable: true, select: false })
  documentTag!: string | null;
}
