import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A number that changes with every change of any token, so that replicas know when what they remember is old. */
@Entity('auth_version')
export class AuthVersion {
  @PrimaryColumn({
    name: 'name',
    type: 'varchar',
    length: 20,
    collation: 'C',
    primaryKeyConstraintName: 'pk_auth_version',
  })
  name!: string;

  @Column({ name: 'version', type: 'bigint', transformer: { to: (value: unknown) => value, from: Number } })
  version!: number;
}
