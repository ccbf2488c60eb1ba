import { Entity, PrimaryColumn } from 'typeorm';
import { CodeColumn, MomentColumn } from '../../common/columns';

/** A code that some worker is asking the source for: workers of other imports, in whatever process, wait for what it stores. */
@Entity('import_flight')
export class ImportFlight {
  @PrimaryColumn({
    name: 'isrc',
    type: 'varchar',
    length: 12,
    collation: 'C',
    primaryKeyConstraintName: 'pk_import_flight',
  })
  isrc!: string;

  /** The claim of the worker: the import and its fence. */
  @CodeColumn('holder', 40)
  holder!: string;

  /** Whoever has not given it back by then is taken for dead. */
  @MomentColumn('until_ms')
  until!: Date;
}
