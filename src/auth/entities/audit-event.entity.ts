import { Entity, Index, PrimaryColumn } from 'typeorm';
import { CodeColumn, JsonColumn, MomentColumn, TextColumn } from '../../common/columns';
import type { Scope } from '../scopes';

/** The token's name, and what was granted or set. */
export interface AuditDetails {
  readonly name: string;
  readonly scopes?: Scope[];
  readonly expiresAt?: string | null;
  readonly overlapSeconds?: number;
}

/** A change of an API token: written with the change, never changed, never removed by the service. */
@Entity('audit_event')
@Index('ix_audit_event_time', ['at'])
export class AuditEvent {
  @PrimaryColumn({
    name: 'id',
    type: 'varchar',
    length: 40,
    collation: 'C',
    primaryKeyConstraintName: 'pk_audit_event',
  })
  id!: string;

  @MomentColumn('at_ms')
  at!: Date;

  /** `token.created`, `token.rotated` or `token.revoked`. */
  @CodeColumn('event', 40)
  event!: string;

  /** Which token. */
  @CodeColumn('token_id', 40)
  tokenId!: string;

  /** By whom: `api-token:<id>`, `jwt:<sub>`, `cli:<user of the machine>` or `system`. */
  @TextColumn('actor')
  actor!: string;

  /** From where; null where it was no HTTP call. */
  @TextColumn('address', { nullable: true })
  address!: string | null;

  @TextColumn('user_agent', { nullable: true })
  userAgent!: string | null;

  @CodeColumn('request_id', 128, { nullable: true })
  requestId!: string | null;

  @JsonColumn('details')
  details!: AuditDetails;
}
