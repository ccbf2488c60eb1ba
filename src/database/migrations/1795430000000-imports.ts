import { type MigrationInterface, type QueryRunner, Table } from 'typeorm';
import { columnsFor } from '../migration-columns';

/** Imports and their rows: the ledger that their work is claimed from and recorded in. */
export class Imports1795430000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    const { code, text, json, moment, integer, long, small, flag } = await columnsFor(runner);
    await runner.createTable(
      new Table({
        name: 'import',
        columns: [
          code('id', 20, { isPrimary: true, primaryKeyConstraintName: 'pk_import' }),
          code('state', 10),
          flag('should_refresh'),
          integer('total'),
          integer('created'),
          integer('existing'),
          integer('refreshed'),
          integer('duplicate'),
          integer('not_found'),
          integer('invalid'),
          integer('failed'),
          integer('checked_line'),
          long('fence'),
          long('revision'),
          json('pace'),
          code('created_by', 255),
          moment('created_at_ms'),
          moment('started_at_ms', { isNullable: true }),
          moment('finished_at_ms', { isNullable: true }),
          moment('resumes_at_ms', { isNullable: true }),
          moment('wake_at_ms'),
          moment('served_at_ms'),
          moment('progress_at_ms'),
        ],
        indices: [
          { name: 'ix_import_state', columnNames: ['state', 'wake_at_ms'] },
          { name: 'ix_import_created', columnNames: ['created_at_ms', 'id'] },
        ],
      }),
    );
    await runner.createTable(
      new Table({
        name: 'import_row',
        columns: [
          code('import_id', 20, { isPrimary: true, primaryKeyConstraintName: 'pk_import_row' }),
          integer('line', { isPrimary: true, primaryKeyConstraintName: 'pk_import_row' }),
          text('input'),
          code('isrc', 12, { isNullable: true }),
          code('status', 10),
          text('problem', { isNullable: true }),
          small('attempts'),
          long('fence'),
          moment('free_at_ms'),
        ],
        indices: [{ name: 'ix_import_row_status', columnNames: ['import_id', 'status', 'line'] }],
      }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable('import_row');
    await runner.dropTable('import');
  }
}
