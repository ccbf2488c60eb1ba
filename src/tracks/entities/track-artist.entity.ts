import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { CodeColumn } from '../../common/columns';

/** Who is credited on a track, in the source's order. */
@Entity('track_artist')
@Index('ix_track_artist_order', ['artistId', 'sortRank', 'isrc'])
export class TrackArtist {
  @PrimaryColumn({
    name: 'isrc',
    type: 'varchar',
    length: 12,
    collation: 'C',
    primaryKeyConstraintName: 'pk_track_artist',
  })
  isrc!: string;

  @PrimaryColumn({ name: 'position', type: 'integer', primaryKeyConstraintName: 'pk_track_artist' })
  position!: number;

  @CodeColumn('artist_id', 64)
  artistId!: string;

  /** The track's `sort_rank`, repeated so that an artist's tracks come out of the index in order. */
  @Column({ name: 'sort_rank', type: 'smallint' })
  sortRank!: number;
}
