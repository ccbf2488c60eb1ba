import { pino } from 'pino';

/** Where lines go, and how they get there before the process ends. */
interface Destination {
  write(text: string): void;
}

/**
 * Collects log lines, and writes those of one turn of the event loop together: under load that is one write for many calls.
 * They leave in order, before anything of the next turn, and before the process ends in whatever way it still can tell.
 */
export class LogOutput {
  private lines = '';

  constructor(private readonly destination: Destination) {}

  write(line: string): void {
    if (this.lines === '')
      setImmediate(() => {
        this.flushSync();
      });
    this.lines += line;
  }

  /** Also called by pino, before a fatal error ends the process. */
  flushSync(): void {
    const { lines } = this;
    this.lines = '';
    if (lines !== '') this.destination.write(lines);
  }
}

let standardOutput: LogOutput | undefined;

/** The one for standard output. */
export function standardLogOutput(): LogOutput {
  if (standardOutput === undefined) {
    const output = new LogOutput(pino.destination({ dest: 1, sync: true }));
    process.on('exit', () => {
      output.flushSync();
    });
    standardOutput = output;
  }
  return standardOutput;
}
