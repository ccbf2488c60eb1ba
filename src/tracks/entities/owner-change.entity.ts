import { Entity, PrimaryColumn } from 'typeorm';
import { CodeColumn, MomentColumn } from '../../common/columns';

/**
 * An album or artist whose shown data changed, until the stored documents of all its tracks show it: what still names it is
 * not read from documents meanwhile (docs/decisions/0010).
 */
@Entity('owner_change')
export class OwnerChange {
  @PrimaryColumn({
    name: 'kind',
    type: 'varchar',
    length: 6,
    collation: 'C',
    primaryKeyConstraintName: 'pk_owner_change',
  })
  kind!: 'album' | 'artist';

  @PrimaryColumn({
    name: 'owner_id',
    type: 'varchar',
    length: 64,
    collation: 'C',
    primaryKeyConstraintName: 'pk_owner_change',
  })
  ownerId!: string;

  /** Another one with every change: who mended for an earlier one is not done. */
  @CodeColumn('revision', 36)
  revision!: string;

  /** Until then somebody is at it. */
  @MomentColumn('claimed_until_ms')
  claimedUntil!: Date;
}
