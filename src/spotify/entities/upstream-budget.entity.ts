import { Column, Entity, PrimaryColumn } from 'typeorm';
import { JsonColumn, MomentColumn } from '../../common/columns';
import type { StoredBudget } from '../budget-store';

/** What may be sent to an upstream when, shared by every process: written only where `version` is still the one read. */
@Entity('upstream_budget')
export class UpstreamBudget {
  @PrimaryColumn({
    name: 'name',
    type: 'varchar',
    length: 20,
    collation: 'C',
    primaryKeyConstraintName: 'pk_upstream_budget',
  })
  name!: string;

  /** Grows by one a write: at 100 writes a second an `integer` would be full within a year. */
  @Column({ name: 'version', type: 'bigint', transformer: { to: (value: unknown) => value, from: Number } })
  version!: number;

  @JsonColumn('state')
  state!: StoredBudget;

  @MomentColumn('updated_at_ms')
  updatedAt!: Date;
}
