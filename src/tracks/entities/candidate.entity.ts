import { Column, Entity, PrimaryColumn } from 'typeorm';
import { CodeColumn, JsonColumn } from '../../common/columns';
import type { SourceTrack } from '../../recording/recording';

/** One of the source's tracks found under the ISRC of a stored track, best first. */
@Entity('candidate')
export class Candidate {
  @PrimaryColumn({
    name: 'isrc',
    type: 'varchar',
    length: 12,
    collation: 'C',
    primaryKeyConstraintName: 'pk_candidate',
  })
  isrc!: string;

  @PrimaryColumn({ name: 'position', type: 'integer', primaryKeyConstraintName: 'pk_candidate' })
  position!: number;

  @CodeColumn('source_id', 64)
  sourceId!: string;

  @Column({ name: 'is_chosen', type: 'boolean' })
  isChosen!: boolean;

  /** The track as the source told it; only ever shown, never searched. */
  @JsonColumn('details')
  details!: SourceTrack;
}
