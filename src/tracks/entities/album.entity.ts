import { Column, Entity, PrimaryColumn } from 'typeorm';
import { CodeColumn, JsonColumn, TextColumn } from '../../common/columns';
import type { AlbumType, RecordingImage, ReleaseDatePrecision } from '../../recording/recording';

/** The release that a stored track stands on, by the source's id. */
@Entity('album')
export class Album {
  @PrimaryColumn({
    name: 'id',
    type: 'varchar',
    length: 64,
    collation: 'C',
    primaryKeyConstraintName: 'pk_album',
  })
  id!: string;

  @TextColumn('title')
  title!: string;

  @CodeColumn('type', 20)
  type!: AlbumType;

  @CodeColumn('release_date', 10, { nullable: true })
  releaseDate!: string | null;

  @CodeColumn('release_date_precision', 5, { nullable: true })
  releaseDatePrecision!: ReleaseDatePrecision | null;

  @Column({ name: 'total_tracks', type: 'integer' })
  totalTracks!: number;

  @CodeColumn('upc', 64, { nullable: true })
  upc!: string | null;

  @TextColumn('label', { nullable: true })
  label!: string | null;

  @TextColumn('url')
  url!: string;

  @JsonColumn('images')
  images!: RecordingImage[];
}
