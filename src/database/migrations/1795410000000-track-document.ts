import { type MigrationInterface, type QueryRunner, Table, TableColumn } from 'typeorm';
import { columnsFor } from '../migration-columns';

/**
 * The answer to a read, kept with the track, the owners whose documents are behind, and the beat by which replicas are
 * judged. Tracks that are there already get
 * their document when they are first read.
 */
export class TrackDocument1795410000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    const { code, text, moment, integer, long } = await columnsFor(runner);
    await runner.addColumns('track', [
      new TableColumn(text('document', { isNullable: true })),
      new TableColumn(code('document_tag', 27, { isNullable: true })),
    ]);
    const key = { isPrimary: true, primaryKeyConstraintName: 'pk_owner_change' };
    await runner.createTable(
      new Table({
        name: 'owner_change',
        columns: [
          code('kind', 6, key),
          code('owner_id', 64, key),
          code('revision', 36),
          moment('claimed_until_ms'),
        ],
      }),
    );
    await runner.createTable(
      new Table({
        name: 'replica_beat',
        columns: [
          integer('id', { isPrimary: true, primaryKeyConstraintName: 'pk_replica_beat' }),
          long('beat'),
        ],
      }),
    );
    await runner.query('INSERT INTO replica_beat (id, beat) VALUES (1, 0)');
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable('replica_beat');
    await runner.dropTable('owner_change');
    await runner.dropColumns('track', ['document', 'document_tag']);
  }
}
