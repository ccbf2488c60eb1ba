import { Column, Entity, PrimaryColumn } from 'typeorm';

/** One row that is counted up while replicas are read: how far a replica has come is told by it, whatever the engine. */
@Entity('replica_beat')
export class ReplicaBeat {
  @PrimaryColumn({ name: 'id', type: 'integer', primaryKeyConstraintName: 'pk_replica_beat' })
  id!: number;

  @Column({ name: 'beat', type: 'bigint' })
  beat!: string;
}
