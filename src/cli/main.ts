#!/usr/bin/env node
import { CommanderError } from 'commander';
import { createProgram } from './program';

createProgram()
  .parseAsync()
  .catch(async (error: unknown) => {
    // Commander has printed what is to be said of wrong words, and of --help, which is no fault.
    if (error instanceof CommanderError) process.exit(error.exitCode);
    const { fail } = await import('../fail.js');
    fail(error);
  });
