import { Entity, Index, PrimaryColumn } from 'typeorm';
import { CodeColumn, MomentColumn, TextColumn } from '../../common/columns';

/** A call that came with an `Idempotency-Key`: running while `sealedAnswer` is null, done from then on. */
@Entity('idempotent_call')
@Index('ix_idempotent_call_expiry', ['expiresAt'])
export class IdempotentCall {
  /** SHA-256 of caller, operation and key, hexadecimal: the key itself opens the answer, and is kept nowhere. */
  @PrimaryColumn({
    name: 'id',
    type: 'varchar',
    length: 64,
    collation: 'C',
    primaryKeyConstraintName: 'pk_idempotent_call',
  })
  id!: string;

  /** Which run has it; a run that lost it to another can record nothing more. */
  @CodeColumn('run_id', 36)
  runId!: string;

  /** Until then nobody else may run it; renewed by a run that lives. */
  @MomentColumn('lease_until_ms')
  leaseUntil!: Date;

  /** SHA-256 of the request, hexadecimal. */
  @CodeColumn('fingerprint', 64, { nullable: true })
  fingerprint!: string | null;

  /** The answer, encrypted: `sealed-answer.ts`. */
  @TextColumn('sealed_answer', { nullable: true })
  sealedAnswer!: string | null;

  @MomentColumn('expires_at_ms')
  expiresAt!: Date;
}
