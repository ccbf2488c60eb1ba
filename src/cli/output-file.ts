import type { Command } from 'commander';
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';

/** A file to be written, made before the work that fills it: who waited for that learns at once where it cannot be. */
export async function openOutput(path: string, command: Command): Promise<WriteStream> {
  const stream = createWriteStream(path);
  await once(stream, 'open').catch((error: unknown) =>
    command.error(`error: ${path} cannot be written (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`),
  );
  return stream;
}
