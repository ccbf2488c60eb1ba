import { Entity, Index, PrimaryColumn } from 'typeorm';
import { CodeColumn, TextColumn } from '../../common/columns';

/** An artist of a stored track, by the source's id. */
@Entity('artist')
@Index('ix_artist_name', ['nameNorm', 'id'])
export class Artist {
  @PrimaryColumn({
    name: 'id',
    type: 'varchar',
    length: 64,
    collation: 'C',
    primaryKeyConstraintName: 'pk_artist',
  })
  id!: string;

  @TextColumn('name')
  name!: string;

  /** The name as `name-search.ts` normalises it. */
  @CodeColumn('name_norm', 500)
  nameNorm!: string;

  @TextColumn('url')
  url!: string;
}
