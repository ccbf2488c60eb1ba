import type { Command } from 'commander';

/** `deadwax migrate`: brings the schema up to date and ends, for a job that runs before the replicas start. */
export function addMigrateCommand(program: Command): void {
  program
    .command('migrate')
    .description('bring the database schema up to date, then end')
    .action(async () => {
      const { withServices } = await import('./app-context.js');
      await withServices(() => Promise.resolve(), { shouldMigrate: true });
      console.log('The schema is up to date.');
    });
}
