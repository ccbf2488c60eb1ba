import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { ImportsService } from '../imports/imports.service';
import type { Services } from './app-context';
import { RemoteCallError, RemoteService } from './remote-service';

/** As much of an import as the command line shows. */
export const importState = z.object({
  id: z.string(),
  status: z.enum(['queued', 'running', 'paused', 'completed', 'cancelled', 'failed']),
  total: z.number(),
  processed: z.number(),
  counts: z.object({
    created: z.number(),
    existing: z.number(),
    refreshed: z.number(),
    duplicate: z.number(),
    notFound: z.number(),
    invalid: z.number(),
    failed: z.number(),
    pending: z.number(),
  }),
  ratePerMinute: z.number(),
  etaSeconds: z.number().nullable(),
  resumesAt: z.string().nullable(),
});
export type ImportState = z.infer<typeof importState>;

/** A file to be imported. */
export interface ImportFile {
  readonly path: string;
  readonly contentType: string;
  readonly column: string | null;
  readonly shouldRefresh: boolean;
}

/** Where an import is done: here, on the database that the environment names, or by a server. */
export interface ImportTarget {
  start(file: ImportFile): Promise<ImportState>;
  read(id: string): Promise<ImportState>;
  cancel(id: string): Promise<void>;
  /** The rows as CSV. */
  report(id: string): Promise<AsyncIterable<string>>;
  /** Works until the import has ended or the signal is aborted. */
  work(id: string, signal: AbortSignal): Promise<void>;
}

const LOOKED_AT_EVERY_MS = 1_000;
/** Servers restart, and lines break: an import that takes days is looked after for longer than that. */
const PATIENCE_MS = 10 * 60_000;

/** On the services of this process. */
export class LocalTarget implements ImportTarget {
  constructor(
    private readonly services: Services,
    private readonly toReport: (
      rows: Awaited<ReturnType<ImportsService['openRows']>>,
    ) => AsyncIterable<string>,
  ) {}

  start({ path, contentType, column, shouldRefresh }: ImportFile): Promise<ImportState> {
    const upload = { body: createReadStream(path), contentType, contentEncoding: undefined, column };
    return this.imports.startFile(upload, { shouldRefresh, createdBy: 'command-line' });
  }

  read(id: string): Promise<ImportState> {
    return this.imports.getImport(id);
  }

  async cancel(id: string): Promise<void> {
    await this.imports.cancel(id);
  }

  async report(id: string): Promise<AsyncIterable<string>> {
    return this.toReport(await this.imports.openRows(id));
  }

  work(id: string, signal: AbortSignal): Promise<void> {
    return this.services.importRunner.drain(id, signal);
  }

  private get imports(): ImportsService {
    return this.services.imports;
  }
}

/** By a server, over HTTP. */
export class RemoteTarget implements ImportTarget {
  constructor(private readonly service: RemoteService) {}

  async start({ path, contentType, column, shouldRefresh }: ImportFile): Promise<ImportState> {
    const query = new URLSearchParams({
      ...(column === null ? {} : { column }),
      ...(shouldRefresh ? { refresh: 'true' } : {}),
    });
    const body = Readable.toWeb(createReadStream(path)) as ReadableStream<Uint8Array>;
    const answer = await this.service.call('POST', `/v1/imports?${query.toString()}`, { body, contentType });
    return importState.parse(await answer.json());
  }

  async read(id: string): Promise<ImportState> {
    return importState.parse(await (await this.service.call('GET', `/v1/imports/${id}`)).json());
  }

  async cancel(id: string): Promise<void> {
    await this.service.call('POST', `/v1/imports/${id}/cancel`);
  }

  async report(id: string): Promise<AsyncIterable<string>> {
    return this.service.textOf(
      await this.service.call('GET', `/v1/imports/${id}/rows.csv`, { accept: 'text/csv' }),
    );
  }

  async work(id: string, signal: AbortSignal): Promise<void> {
    let seenMs = performance.now();
    while (!signal.aborted) {
      try {
        if (isOver(await this.read(id))) return;
        seenMs = performance.now();
      } catch (error) {
        if (!(error instanceof RemoteCallError)) throw error;
        if (!error.isPassing || performance.now() - seenMs > PATIENCE_MS)
          throw new RemoteCallError(`${error.message}. The import ${id} goes on there.`);
      }
      await sleep(LOOKED_AT_EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

export function isOver({ status }: ImportState): boolean {
  return status === 'completed' || status === 'cancelled' || status === 'failed';
}
