import { Command } from 'commander';
import { VERSION } from '../config/version';
import { addDoctorCommand } from './doctor.command';
import { addExportCommand } from './export.command';
import { addImportCommand } from './import.command';
import { addLookupCommand } from './lookup.command';
import { addMigrateCommand } from './migrate.command';
import { addTokenCommands } from './token.command';

/**
 * `deadwax` and its commands. Parsing throws a CommanderError for wrong words and for --help, once it has printed what is to be said.
 * Commands load the app when they run: whoever asks for help, or types a word wrong, need not wait for it.
 */
export function createProgram(): Command {
  const program = new Command('deadwax')
    .description('What stands behind an ISRC: resolve recordings, keep them, serve them.')
    .version(VERSION)
    .showHelpAfterError()
    .exitOverride();
  program
    .command('serve')
    .description('run the server, as `npm start` does')
    .action(async () => {
      await import('../main.js');
    });
  addMigrateCommand(program);
  addDoctorCommand(program);
  addTokenCommands(program);
  addImportCommand(program);
  addExportCommand(program);
  addLookupCommand(program);
  return program;
}
