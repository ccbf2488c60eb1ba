import { Entity, Index, PrimaryColumn } from 'typeorm';

/** The word index of artist names: see `name-search.ts` for what a gram is. */
@Entity('artist_gram')
@Index('ix_artist_gram_artist', ['artistId'])
export class ArtistGram {
  @PrimaryColumn({
    name: 'gram',
    type: 'varchar',
    length: 4,
    collation: 'C',
    primaryKeyConstraintName: 'pk_artist_gram',
  })
  gram!: string;

  @PrimaryColumn({
    name: 'artist_id',
    type: 'varchar',
    length: 64,
    collation: 'C',
    primaryKeyConstraintName: 'pk_artist_gram',
  })
  artistId!: string;
}

/** The word index of track titles. */
@Entity('track_gram')
@Index('ix_track_gram_isrc', ['isrc'])
export class TrackGram {
  @PrimaryColumn({
    name: 'gram',
    type: 'varchar',
    length: 4,
    collation: 'C',
    primaryKeyConstraintName: 'pk_track_gram',
  })
  gram!: string;

  @PrimaryColumn({
    name: 'isrc',
    type: 'varchar',
    length: 12,
    collation: 'C',
    primaryKeyConstraintName: 'pk_track_gram',
  })
  isrc!: string;
}
