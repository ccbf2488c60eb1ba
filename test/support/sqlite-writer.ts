/**
 * A process that writes into an SQLite file as the app does: `sqlite-writer.ts FILE TRANSACTIONS`. Each transaction reads
 * a counter and then writes it, one higher. Says on standard output how many failed, and why the first did.
 */
import { inTransaction } from '../../src/common/transaction';
import { createDataSource, toDataSourceOptions } from '../../src/database/data-source';

const [path = '', count = '0'] = process.argv.slice(2);

async function main(): Promise<void> {
  const dataSource = await createDataSource(toDataSourceOptions({ engine: 'sqlite', path })).initialize();
  const failures: string[] = [];
  const increment = () =>
    inTransaction(dataSource, async (manager) => {
      const [row] = await manager.query<{ value: number }[]>('SELECT value FROM counter WHERE id = 1');
      await manager.query('UPDATE counter SET value = ? WHERE id = 1', [Number(row?.value) + 1]);
    }).catch((error: unknown) => failures.push(String(error)));
  const chain = async (length: number) => {
    for (let n = 0; n < length; n++) await increment();
  };
  await Promise.all(Array.from({ length: 10 }, () => chain(Number(count) / 10)));
  await dataSource.destroy();
  process.stdout.write(JSON.stringify({ failed: failures.length, first: failures[0] ?? null }));
}

void main();
