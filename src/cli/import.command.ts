import { SingleBar } from 'cli-progress';
import { type Command, InvalidArgumentError } from 'commander';
import type { WriteStream } from 'node:fs';
import { access, constants, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../common/app-error';
import { remoteToken } from '../config/remote-token';
import {
  type ImportFile,
  type ImportState,
  type ImportTarget,
  isOver,
  LocalTarget,
  RemoteTarget,
} from './import-target';
import { openOutput } from './output-file';
import { RemoteCallError, RemoteService } from './remote-service';

const FORMATS = {
  csv: 'text/csv',
  ndjson: 'application/x-ndjson',
  json: 'application/json',
  text: 'text/plain',
} as const;
type Format = keyof typeof FORMATS;

const FORMAT_BY_EXTENSION: Readonly<Record<string, Format>> = {
  '.csv': 'csv',
  '.tsv': 'csv',
  '.tab': 'csv',
  '.ndjson': 'ndjson',
  '.jsonl': 'ndjson',
  '.json': 'json',
  '.txt': 'text',
};

const SHOWN_EVERY_MS = 250;
/** As shells have it for a program that Ctrl-C ended. */
const INTERRUPTED = 130;
const SHOW_CURSOR = '\u001b[?25h\n';

interface ImportOptions {
  readonly format?: Format;
  readonly column?: string;
  readonly refresh?: true;
  readonly report?: string;
  readonly server?: string;
  readonly token?: string;
  readonly json?: true;
}

/** `deadwax import FILE`: a file of codes, here or on a server, with a progress bar. */
export function addImportCommand(program: Command): void {
  program
    .command('import')
    .description('import a file of ISRCs: CSV, JSON, JSON lines or plain text')
    .argument('<file>', 'the file')
    .option(
      '--format <format>',
      `${Object.keys(FORMATS).join(', ')}; default: by the name of the file`,
      readFormat,
    )
    .option('--column <column>', 'of CSV: the column of the codes, by name or by number from 1')
    .option('--refresh', 'fetch stored tracks anew')
    .option('--report <file>', 'write what became of each row to this file, as CSV')
    .option('--server <url>', 'let this server do it; default: here, on the database of DATABASE_URL')
    .option('--token <token>', 'for the server; better in DEADWAX_TOKEN, which no list of processes shows')
    .option('--json', 'answer in JSON, for machines')
    .action(async (path: string, options: ImportOptions, command: Command) => {
      await access(path, constants.R_OK).catch(() => command.error(`error: ${path} cannot be read`));
      if ((await stat(path)).isDirectory()) command.error(`error: ${path} is a folder`);
      const file: ImportFile = {
        path,
        contentType: FORMATS[options.format ?? FORMAT_BY_EXTENSION[extname(path).toLowerCase()] ?? 'csv'],
        column: options.column ?? null,
        shouldRefresh: options.refresh === true,
      };
      const report = options.report === undefined ? null : await openOutput(options.report, command);
      const work = (target: ImportTarget) => run(target, file, report, options);
      try {
        if (options.server === undefined) {
          const { withServices } = await import('./app-context.js');
          const { rowsAsCsv } = await import('../imports/rows-file.js');
          await withServices((services) => work(new LocalTarget(services, rowsAsCsv)), { asksSource: true });
        } else
          await work(new RemoteTarget(new RemoteService(options.server, options.token ?? remoteToken())));
      } catch (error) {
        if (!(error instanceof RemoteCallError || error instanceof AppError)) throw error;
        console.error(`error: ${error.message}`);
        process.exitCode = 1;
      }
    });
}

async function run(
  target: ImportTarget,
  file: ImportFile,
  report: WriteStream | null,
  { json }: ImportOptions,
): Promise<void> {
  const started = await target.start(file);
  const { id } = started;
  const stopping = new AbortController();
  const state = { isInterrupted: false };
  const interrupt = () => {
    if (state.isInterrupted) {
      if (process.stderr.isTTY) process.stderr.write(SHOW_CURSOR); // the bar has hidden it
      process.exit(INTERRUPTED);
    }
    state.isInterrupted = true;
    stopping.abort();
  };
  process.on('SIGINT', interrupt);
  try {
    const shown = json === undefined && process.stderr.isTTY ? show(target, started, stopping.signal) : null;
    const worked = target.work(id, stopping.signal).finally(() => {
      shown?.end();
    });
    await Promise.all([worked, shown?.ended]);
    if (state.isInterrupted) await target.cancel(id).catch(() => undefined); // it may have ended just now
    const end = await target.read(id);
    if (json) console.log(JSON.stringify(end, null, 2));
    else console.log(summaryOf(end));
    if (report !== null) await pipeline(Readable.from(await target.report(id)), report);
    if (state.isInterrupted) process.exitCode = INTERRUPTED;
    else if (
      end.counts.pending > 0 ||
      end.counts.failed > 0 ||
      end.counts.invalid > 0 ||
      end.counts.notFound > 0
    )
      process.exitCode = 1;
  } finally {
    process.off('SIGINT', interrupt);
  }
}

/** Draws the bar until it is ended. */
function show(target: ImportTarget, started: ImportState, signal: AbortSignal) {
  const over = new AbortController();
  const draw = async () => {
    const bar = new SingleBar({
      format: '{bar} {percentage}% | {value}/{total} rows | {rate} a minute | {left}{wrong}',
      stream: process.stderr,
      hideCursor: true,
      gracefulExit: false,
    });
    const told = (state: ImportState) => ({
      rate: Math.round(state.ratePerMinute),
      left: leftOf(state),
      wrong: wrongOf(state),
    });
    bar.start(started.total, started.processed, told(started));
    const either = AbortSignal.any([over.signal, signal]);
    while (!either.aborted) {
      await sleep(SHOWN_EVERY_MS, undefined, { signal: either }).catch(() => undefined);
      const state = await target.read(started.id).catch(() => null); // it is looked at again
      if (state !== null) bar.update(state.processed, told(state));
    }
    bar.stop();
  };
  return {
    ended: draw(),
    end: () => {
      over.abort();
    },
  };
}

/** What went wrong so far; nothing where nothing did. */
function wrongOf({ counts: { failed, invalid, notFound } }: ImportState): string {
  const parts = [
    [failed, 'failed'],
    [invalid, 'invalid'],
    [notFound, 'not found'],
  ] as const;
  const told = parts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  return told.length === 0 ? '' : ` | ${told.join(', ')}`;
}

function leftOf(state: ImportState): string {
  if (isOver(state)) return state.status;
  const paused = state.status === 'paused' ? `paused until ${state.resumesAt ?? '?'}, ` : '';
  return `${paused}${state.etaSeconds === null ? 'time left not known yet' : `${spanOf(state.etaSeconds)} left`}`;
}

function spanOf(seconds: number): string {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 2 * 3600) return `${Math.round(seconds / 60)} min`;
  return seconds < 2 * 86_400 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} days`;
}

function summaryOf({ id, status, total, counts }: ImportState): string {
  const { created, existing, refreshed, duplicate, notFound, invalid, failed, pending } = counts;
  return [
    `${id} is ${status}: ${total} rows.`,
    `  created ${created}, existing ${existing}, refreshed ${refreshed}, duplicate ${duplicate}`,
    `  not found ${notFound}, invalid ${invalid}, failed ${failed}, not done ${pending}`,
  ].join('\n');
}

function readFormat(text: string): Format {
  if (!Object.hasOwn(FORMATS, text))
    throw new InvalidArgumentError(`must be one of ${Object.keys(FORMATS).join(', ')}`);
  return text as Format;
}
