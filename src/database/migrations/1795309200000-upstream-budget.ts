import { type MigrationInterface, type QueryRunner, Table } from 'typeorm';
import { columnsFor } from '../migration-columns';

/** What may be sent to an upstream when, shared by every process. */
export class UpstreamBudget1795309200000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    const { code, json, moment, long } = await columnsFor(runner);
    await runner.createTable(
      new Table({
        name: 'upstream_budget',
        columns: [
          code('name', 20, { isPrimary: true, primaryKeyConstraintName: 'pk_upstream_budget' }),
          long('version'),
          json('state'),
          moment('updated_at_ms'),
        ],
      }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable('upstream_budget');
  }
}
