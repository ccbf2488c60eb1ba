import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Counts that tell how far a replica has come, whatever the engine: the first row is raised each second, the others by each write. */
@Entity('replica_beat')
export class ReplicaBeat {
  @PrimaryColumn({ name: 'id', type: 'integer', primaryKeyConstraintName: 'pk_replica_beat' })
  id!: number;

  @Column({ name: 'beat', type: 'bigint' })
  beat!: string;
}
