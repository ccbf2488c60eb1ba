#!/usr/bin/env node
import 'reflect-metadata';
import { Command, CommanderError } from 'commander';
import { VERSION } from '../config/version';
import { fail, serve } from '../serve';
import { addExportCommand } from './export.command';
import { addImportCommand } from './import.command';
import { addLookupCommand } from './lookup.command';
import { addMigrateCommand } from './migrate.command';
import { addTokenCommands } from './token.command';

const program = new Command('deadwax')
  .description('What stands behind an ISRC: resolve recordings, keep them, serve them.')
  .version(VERSION)
  .showHelpAfterError()
  .exitOverride();

program.command('serve').description('run the server, as `npm start` does').action(serve);
addMigrateCommand(program);
addTokenCommands(program);
addImportCommand(program);
addExportCommand(program);
addLookupCommand(program);

program.parseAsync().catch((error: unknown) => {
  // Commander has printed what is to be said of wrong words, and of --help, which is no fault.
  if (error instanceof CommanderError) process.exit(error.exitCode);
  fail(error);
});
