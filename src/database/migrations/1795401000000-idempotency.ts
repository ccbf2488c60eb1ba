import { type MigrationInterface, type QueryRunner, Table, TableIndex } from 'typeorm';
import { columnsFor } from '../migration-columns';

/** Calls that came with an `Idempotency-Key`, and their answers for a day. */
export class Idempotency1795401000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    const { code, text, moment } = await columnsFor(runner);
    await runner.createTable(
      new Table({
        name: 'idempotent_call',
        columns: [
          code('id', 64, { isPrimary: true, primaryKeyConstraintName: 'pk_idempotent_call' }),
          code('run_id', 36),
          moment('lease_until_ms'),
          code('fingerprint', 64, { isNullable: true }),
          text('sealed_answer', { isNullable: true }),
          moment('expires_at_ms'),
        ],
        indices: [new TableIndex({ name: 'ix_idempotent_call_expiry', columnNames: ['expires_at_ms'] })],
      }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable('idempotent_call');
  }
}
