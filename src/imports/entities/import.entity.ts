import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { CodeColumn, JsonColumn, MomentColumn } from '../../common/columns';
import type { PaceSample } from '../import-pace';
import type { ImportState } from '../import-states';

const asNumber = { to: (value: unknown) => value, from: Number };

/**
 * A list of codes on its way. Its counts are written in the transaction that writes its rows, so that they add up whenever they
 * are read; what is pending is the rest.
 */
@Entity('import')
@Index('ix_import_state', ['state', 'wakeAt'])
@Index('ix_import_created', ['createdAt', 'id'])
export class Import {
  @PrimaryColumn({
    name: 'id',
    type: 'varchar',
    length: 20,
    collation: 'C',
    primaryKeyConstraintName: 'pk_import',
  })
  id!: string;

  @CodeColumn('state', 10)
  state!: ImportState;

  /** Whether stored tracks are fetched anew. */
  @Column({ name: 'should_refresh', type: 'boolean' })
  shouldRefresh!: boolean;

  @Column({ name: 'total', type: 'integer' })
  total!: number;

  @Column({ name: 'created', type: 'integer' })
  created!: number;

  @Column({ name: 'existing', type: 'integer' })
  existing!: number;

  @Column({ name: 'refreshed', type: 'integer' })
  refreshed!: number;

  @Column({ name: 'duplicate', type: 'integer' })
  duplicate!: number;

  @Column({ name: 'not_found', type: 'integer' })
  notFound!: number;

  @Column({ name: 'invalid', type: 'integer' })
  invalid!: number;

  @Column({ name: 'failed', type: 'integer' })
  failed!: number;

  /** The last line whose code was looked for among the stored tracks, which costs no call to the source. */
  @Column({ name: 'checked_line', type: 'integer' })
  checkedLine!: number;

  /** Grows with each claim of rows. Who claimed earlier than another did can tell by it, and write nothing. */
  @Column({ name: 'fence', type: 'bigint', transformer: asNumber })
  fence!: number;

  /** Grows with each change that a reader can see. */
  @Column({ name: 'revision', type: 'bigint', transformer: asNumber })
  revision!: number;

  /** How far it was when: for the rate. */
  @JsonColumn('pace')
  pace!: PaceSample[];

  @CodeColumn('created_by', 255)
  createdBy!: string;

  @MomentColumn('created_at_ms')
  createdAt!: Date;

  @MomentColumn('started_at_ms', { nullable: true })
  startedAt!: Date | null;

  @MomentColumn('finished_at_ms', { nullable: true })
  finishedAt!: Date | null;

  /** When the source's limit lets it go on; null where none holds it. */
  @MomentColumn('resumes_at_ms', { nullable: true })
  resumesAt!: Date | null;

  /** Not worked on before. */
  @MomentColumn('wake_at_ms')
  wakeAt!: Date;

  /** When it last had a turn: who waited longest is next. While it is received, when rows last came. */
  @MomentColumn('served_at_ms')
  servedAt!: Date;

  /** When rows last became anything. */
  @MomentColumn('progress_at_ms')
  progressAt!: Date;
}
