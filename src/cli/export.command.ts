import { type Command, InvalidArgumentError } from 'commander';
import type { WriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AppError } from '../common/app-error';
import { remoteToken } from '../config/remote-token';
import { normaliseIsrcPrefix } from '../recording/isrc';
import { EXPORT_FORMATS, type ExportFormat, tracksAsFile } from '../tracks/tracks-file';
import { parseNameQuery } from '../tracks/name-search';
import type { TracksService } from '../tracks/tracks.service';
import { openOutput } from './output-file';
import { RemoteCallError, RemoteService } from './remote-service';

interface ExportOptions {
  readonly format: ExportFormat;
  readonly output?: string;
  readonly artist?: string;
  readonly title?: string;
  readonly isrcPrefix?: string;
  readonly server?: string;
  readonly token?: string;
}

/** `deadwax export`: the stored tracks as a file, from here or from a server. */
export function addExportCommand(program: Command): void {
  program
    .command('export')
    .description('write the stored tracks as CSV or JSON lines')
    .option('--format <format>', EXPORT_FORMATS.join(' or '), readFormat, 'csv')
    .option('--output <file>', 'default: standard output')
    .option('--artist <name>', "part of an artist's name", readName)
    .option('--title <name>', 'part of the title', readName)
    .option('--isrc-prefix <prefix>', 'the first characters of the ISRC', readPrefix)
    .option('--server <url>', 'of this server; default: of the database of DATABASE_URL')
    .option('--token <token>', 'for the server; better in DEADWAX_TOKEN, which no list of processes shows')
    .action(async (options: ExportOptions, command: Command) => {
      const output = options.output === undefined ? null : await openOutput(options.output, command);
      try {
        if (options.server === undefined) {
          const { withServices } = await import('./app-context.js');
          await withServices(
            ({ tracks }) => write(tracksAsFile(options.format, local(tracks, options)), output),
            { needsFile: true },
          );
        } else {
          const service = new RemoteService(options.server, options.token ?? remoteToken());
          await write(await fetchFile(service, options), output);
        }
      } catch (error) {
        if (!(error instanceof RemoteCallError || error instanceof AppError)) throw error;
        console.error(`error: ${error.message}`);
        process.exitCode = 1;
      }
    });
}

function local(tracks: TracksService, { artist, title, isrcPrefix }: ExportOptions) {
  const name = (text: string | undefined) => (text === undefined ? null : parseNameQuery(text));
  return tracks.readTracks({
    artist: name(artist),
    title: name(title),
    isrcPrefix: isrcPrefix === undefined ? null : normaliseIsrcPrefix(isrcPrefix),
  });
}

async function fetchFile(service: RemoteService, { format, artist, title, isrcPrefix }: ExportOptions) {
  const query = new URLSearchParams({ format });
  for (const [key, value] of Object.entries({ artist, title, isrcPrefix })) {
    if (value !== undefined) query.set(key, value);
  }
  return service.textOf(
    await service.call('GET', `/v1/exports/tracks?${query.toString()}`, { accept: '*/*' }),
  );
}

async function write(parts: AsyncIterable<string>, output: WriteStream | null): Promise<void> {
  if (output !== null) {
    await pipeline(Readable.from(parts), output);
    return;
  }
  try {
    await pipeline(Readable.from(parts), process.stdout, { end: false });
  } catch (error) {
    if ((error as { code?: unknown }).code !== 'EPIPE') throw error; // `| head` has read enough
  }
}

function readFormat(text: string): ExportFormat {
  const format = EXPORT_FORMATS.find((each) => each === text);
  if (format === undefined) throw new InvalidArgumentError(`must be ${EXPORT_FORMATS.join(' or ')}`);
  return format;
}

function readName(text: string): string {
  if (text.length > 200 || parseNameQuery(text) === null)
    throw new InvalidArgumentError('must have 1 to 200 characters, one of them a letter or digit');
  return text;
}

function readPrefix(text: string): string {
  const prefix = normaliseIsrcPrefix(text);
  if (prefix === null) throw new InvalidArgumentError('must be the first 1 to 12 characters of an ISRC');
  return prefix;
}
