import { Inject, Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { ImportView } from './dto/import.view';
import { IMPORT_CLOCK, type ImportClock } from './import-times';
import { ImportsService } from './imports.service';

/** Progress is told twice a second at most (api.md section 5). */
const TOLD_EVERY_MS = 500;
/** Proxies cut what is silent, and a client that is gone is noticed when something is sent to it. */
const SIGN_OF_LIFE_MS = 15_000;
/** What clients wait before they come back after a broken connection. */
const CLIENT_RETRY_MS = 2_000;

interface Seen {
  readonly revision: number;
  readonly view: ImportView;
}

/**
 * The progress of imports as server-sent events, read from the ledger: whichever replica works on an import, every replica can tell.
 * The id of an event is the revision of the import, so that a client that comes back anywhere goes on where it was.
 */
@Injectable()
export class ImportEvents implements OnModuleDestroy {
  private readonly stopping = new AbortController();
  /** Those who watch one import share its reading. */
  private readonly readings = new Map<string, Promise<Seen>>();

  constructor(
    private readonly imports: ImportsService,
    @Inject(IMPORT_CLOCK) private readonly clock: ImportClock,
  ) {}

  /** Ends all streams: clients come back, to another replica. */
  onModuleDestroy(): void {
    this.stopping.abort();
  }

  /**
   * The events of an import, as text; null where the client has had the last one.
   * @param lastId `Last-Event-ID`, as the client sent it
   * @throws ImportNotFoundError
   */
  async open(id: string, lastId: string | undefined): Promise<AsyncIterable<string> | null> {
    const first = await this.imports.getRevision(id);
    const told = /^\d{1,15}$/.test(lastId ?? '') ? Number(lastId) : -1;
    const after = told > first.revision ? -1 : told; // of another database: a backup was put back
    if (isOver(first.view) && after >= first.revision) return null;
    return this.stream(id, first, after);
  }

  private async *stream(id: string, first: Seen, after: number): AsyncGenerator<string> {
    const { signal } = this.stopping;
    yield `retry: ${CLIENT_RETRY_MS}\n\n`;
    let told = after;
    let spokenMs = this.clock.now().getTime();
    for (let seen: Seen | null = first; ; seen = await this.readAgain(id)) {
      const nowMs = this.clock.now().getTime();
      if (seen !== null && isOver(seen.view)) {
        yield eventOf('done', seen);
        return;
      }
      if (seen !== null && seen.revision > told) {
        told = seen.revision;
        spokenMs = nowMs;
        yield eventOf('progress', seen);
      } else if (Math.abs(nowMs - spokenMs) >= SIGN_OF_LIFE_MS) {
        spokenMs = nowMs;
        yield ': still here\n\n';
      }
      await this.clock.sleep(TOLD_EVERY_MS, signal);
      if (signal.aborted) return;
    }
  }

  /** Null where the database does not answer just now: the stream goes on when it does. */
  private async readAgain(id: string): Promise<Seen | null> {
    let reading = this.readings.get(id);
    if (reading === undefined) {
      reading = this.imports.getRevision(id).finally(() => this.readings.delete(id));
      this.readings.set(id, reading);
    }
    return reading.catch(() => null);
  }
}

function isOver({ status }: ImportView): boolean {
  return status === 'completed' || status === 'cancelled' || status === 'failed';
}

function eventOf(event: 'progress' | 'done', { revision, view }: Seen): string {
  return `id: ${revision}\nevent: ${event}\ndata: ${JSON.stringify(view)}\n\n`;
}
