import { type MigrationInterface, type QueryRunner, Table, TableColumn, TableIndex } from 'typeorm';
import { columnsFor } from '../migration-columns';

/** Rotation with an overlap, the list in order, what tells replicas of a change, and who changed what. */
export class ApiTokenLifecycle1795400000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    const { code, text, json, moment, long } = await columnsFor(runner);
    const key = (table: string) => ({ isPrimary: true, primaryKeyConstraintName: `pk_${table}` });
    await runner.addColumns('api_token', [
      new TableColumn(code('previous_hash', 64, { isNullable: true })),
      new TableColumn(moment('previous_until_ms', { isNullable: true })),
    ]);
    await runner.createIndices('api_token', [
      new TableIndex({ name: 'ux_api_token_previous', columnNames: ['previous_hash'], isUnique: true }),
      new TableIndex({ name: 'ix_api_token_order', columnNames: ['created_at_ms', 'id'] }),
    ]);
    await runner.createTable(
      new Table({ name: 'auth_version', columns: [code('name', 20, key('auth_version')), long('version')] }),
    );
    await runner.createTable(
      new Table({
        name: 'audit_event',
        columns: [
          code('id', 40, key('audit_event')),
          moment('at_ms'),
          code('event', 40),
          code('token_id', 40),
          text('actor'),
          text('address', { isNullable: true }),
          text('user_agent', { isNullable: true }),
          code('request_id', 128, { isNullable: true }),
          json('details'),
        ],
        indices: [new TableIndex({ name: 'ix_audit_event_time', columnNames: ['at_ms'] })],
      }),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropTable('audit_event');
    await runner.dropTable('auth_version');
    await runner.dropIndex('api_token', 'ix_api_token_order');
    await runner.dropIndex('api_token', 'ux_api_token_previous');
    await runner.dropColumns('api_token', ['previous_until_ms', 'previous_hash']);
  }
}
