import type { Command } from 'commander';
import { withApp } from './app-context';

/** `deadwax migrate`: brings the schema up to date and ends, for a job that runs before the replicas start. */
export function addMigrateCommand(program: Command): void {
  program
    .command('migrate')
    .description('bring the database schema up to date, then end')
    .action(async () => {
      await withApp(() => Promise.resolve(), { shouldMigrate: true });
      console.log('The schema is up to date.');
    });
}
