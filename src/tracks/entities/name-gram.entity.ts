import { Entity, PrimaryColumn } from 'typeorm';

/**
 * The names of artists by gram, for lists in the order of names: see `name-search.ts` for what a gram is. A name is here once,
 * however many artists have it.
 */
@Entity('artist_name_gram', { withoutRowid: true })
export class ArtistNameGram {
  @PrimaryColumn({
    name: 'gram',
    type: 'varchar',
    length: 4,
    collation: 'C',
    primaryKeyConstraintName: 'pk_artist_name_gram',
  })
  gram!: string;

  /** As `name_norm` of an artist. */
  @PrimaryColumn({
    name: 'name',
    type: 'varchar',
    length: 500,
    collation: 'C',
    primaryKeyConstraintName: 'pk_artist_name_gram',
  })
  name!: string;
}

/**
 * The words of `track_word` by gram. Words stay when their last track goes: so writers never disagree about them, and what is
 * left is no more than a dictionary.
 */
@Entity('track_word_gram', { withoutRowid: true })
export class TrackWordGram {
  /** `t` or `a`, then the gram; empty in one row of each word, by which it is known to be here. */
  @PrimaryColumn({
    name: 'gram',
    type: 'varchar',
    length: 5,
    collation: 'C',
    primaryKeyConstraintName: 'pk_track_word_gram',
  })
  gram!: string;

  /** As in `track_word`. */
  @PrimaryColumn({
    name: 'word',
    type: 'varchar',
    length: 501,
    collation: 'C',
    primaryKeyConstraintName: 'pk_track_word_gram',
  })
  word!: string;
}
