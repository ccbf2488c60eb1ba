import { type MigrationInterface, type QueryRunner, Table } from 'typeorm';
import { columnsFor } from '../migration-columns';

/** Which codes some worker of an import is asking the source for right now. */
export class ImportFlight1795600000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    const { code, moment } = await columnsFor(runner);
    await runner.createTable(
      new Table({
        name: 'import_flight',
        columns: [
          code('isrc', 12, { isPrimary: true, primaryKeyConstraintName: 'pk_import_flight' }),
          code('holder', 40),
          moment('until_ms'),
        ],
      }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable('import_flight');
  }
}
