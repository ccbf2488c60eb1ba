import { Column, Entity, PrimaryColumn } from 'typeorm';
import { CodeColumn, JsonColumn } from '../../common/columns';
import type { RecordingAlbum, SourceTrack } from '../../recording/recording';

/** What is kept of a track of the source: no more than is shown. */
export type CandidateDetails = Omit<SourceTrack, 'isrc' | 'artists' | 'previewUrl' | 'album'> & {
  readonly album: Omit<RecordingAlbum, 'images'>;
};

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

  /** As the source told it; rows of earlier versions have more of it. Only ever shown, never searched. */
  @JsonColumn('details')
  details!: CandidateDetails;
}
