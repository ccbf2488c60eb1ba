import { Column, Entity, Index, PrimaryColumn } from 'typeorm';
import { CodeColumn, MomentColumn, TextColumn } from '../../common/columns';
import type { Isrc } from '../../recording/isrc';
import type { RowStatus } from '../import-states';

/** One row of an import, in the order of the file. */
@Entity('import_row')
@Index('ix_import_row_status', ['importId', 'status', 'line'])
export class ImportRow {
  @PrimaryColumn({
    name: 'import_id',
    type: 'varchar',
    length: 20,
    collation: 'C',
    primaryKeyConstraintName: 'pk_import_row',
  })
  importId!: string;

  /** Where the row begins in the file, from 1; of a JSON list, its place. */
  @PrimaryColumn({ name: 'line', type: 'integer', primaryKeyConstraintName: 'pk_import_row' })
  line!: number;

  @TextColumn('input')
  input!: string;

  /** In canonical form; null where the input is none. */
  @CodeColumn('isrc', 12, { nullable: true })
  isrc!: Isrc | null;

  @CodeColumn('status', 10)
  status!: RowStatus;

  /** What went wrong: a slug of the problem catalogue, a colon, the reason. */
  @TextColumn('problem', { nullable: true })
  problem!: string | null;

  /** How often it was claimed; a claim that was handed back is not counted. */
  @Column({ name: 'attempts', type: 'smallint' })
  attempts!: number;

  /** The fence of the import when the row was claimed; 0: nobody has it. */
  @Column({ name: 'fence', type: 'bigint', transformer: { to: (value: unknown) => value, from: Number } })
  fence!: number;

  /** Until when its claim holds; of a row that nobody has, when it may be claimed. */
  @MomentColumn('free_at_ms')
  freeAt!: Date;
}
