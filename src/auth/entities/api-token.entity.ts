import { Entity, Index, PrimaryColumn } from 'typeorm';
import { CodeColumn, JsonColumn, MomentColumn, TextColumn } from '../../common/columns';
import type { Scope } from '../scopes';

/** An API token issued here. Its text is shown once and never stored. */
@Entity('api_token')
@Index('ux_api_token_hash', ['tokenHash'], { unique: true })
@Index('ux_api_token_previous', ['previousHash'], { unique: true })
@Index('ix_api_token_order', ['createdAt', 'id'])
export class ApiToken {
  @PrimaryColumn({
    name: 'id',
    type: 'varchar',
    length: 40,
    collation: 'C',
    primaryKeyConstraintName: 'pk_api_token',
  })
  id!: string;

  @TextColumn('name')
  name!: string;

  /** SHA-256 of the text, hexadecimal. */
  @CodeColumn('token_hash', 64)
  tokenHash!: string;

  /** The first characters of the text, to tell tokens apart. */
  @CodeColumn('hint', 12)
  hint!: string;

  /** The same of the text before the last rotation, while it may still be used. */
  @CodeColumn('previous_hash', 64, { nullable: true })
  previousHash!: string | null;

  /** When the overlap of the last rotation ends. */
  @MomentColumn('previous_until_ms', { nullable: true })
  previousUntil!: Date | null;

  @JsonColumn('scopes')
  scopes!: Scope[];

  @MomentColumn('created_at_ms')
  createdAt!: Date;

  @MomentColumn('expires_at_ms', { nullable: true })
  expiresAt!: Date | null;

  /** To the minute. */
  @MomentColumn('last_used_at_ms', { nullable: true })
  lastUsedAt!: Date | null;

  @MomentColumn('revoked_at_ms', { nullable: true })
  revokedAt!: Date | null;
}
