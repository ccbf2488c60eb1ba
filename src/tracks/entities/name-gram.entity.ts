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
