import { Entity, Index, PrimaryColumn } from 'typeorm';
import { MomentColumn } from '../../common/columns';

/** An ISRC that the source did not know when last asked: not asked again until then. */
@Entity('recording_miss')
@Index('ix_recording_miss_expiry', ['expiresAt'])
export class RecordingMiss {
  @PrimaryColumn({
    name: 'isrc',
    type: 'varchar',
    length: 12,
    collation: 'C',
    primaryKeyConstraintName: 'pk_recording_miss',
  })
  isrc!: string;

  @MomentColumn('expires_at_ms')
  expiresAt!: Date;
}
