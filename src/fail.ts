import cluster from 'node:cluster';
import { inspect } from 'node:util';
import { SettingsError } from './config/settings';
import { DatabaseFaultError } from './database/database.connector';
import type { WorkerMessage } from './primary';

/** Ends the process with a message for whoever started it; without a stack where the fault is one of those that are foreseen. */
export function fail(error: unknown): void {
  const isForeseen =
    error instanceof SettingsError || error instanceof DatabaseFaultError || isListenError(error);
  if (cluster.isWorker && isForeseen) {
    // All workers meet the same fault: the primary says it once.
    tellPrimary({ deadwax: 'fault', message: (error as Error).message }, () => process.exit(1));
    return;
  }
  process.stderr.write(`${isForeseen ? (error as Error).message : inspect(error)}\n`);
  process.exit(1);
}

function isListenError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && ['listen', 'bind'].includes(String(error.syscall));
}

/** From a worker to the process above it. */
export function tellPrimary(message: WorkerMessage, then: () => void = () => undefined): void {
  process.send?.(message, undefined, undefined, then);
}
