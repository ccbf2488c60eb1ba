import { judgeDatabaseError } from '../common/database-error';
import type { Isrc } from '../recording/isrc';
import type { Recording } from '../recording/recording';
import type { ClaimedRow } from './import-claims.query';
import { ClaimLostError, ImportStoppedError } from './import.errors';
import type { Claim } from './import-ledger.repository';
import type { RowResult } from './import-results.query';
import type { TurnParts } from './turn-parts';

/** A row whose recording was fetched and is to be stored. */
interface Fetched {
  readonly row: ClaimedRow;
  readonly recording: Recording;
}

/** Results that wait for others are recorded at once when there are so many. */
const FLUSHED_TOGETHER = 500;

/** What a turn and its records have in common. */
interface TurnState {
  /** Rows that nothing was recorded of yet; recorded ones are taken out. */
  readonly open: Map<number, ClaimedRow>;
  /** Aborted when the turn can record nothing any more. */
  readonly ended: AbortController;
  /** Aborted when the process is to stop. */
  readonly stopping: AbortSignal;
}

/** Gathers what became of the rows of a claim, and records it as it comes: effects and rows in one transaction. */
export class TurnRecords {
  private fetched: Fetched[] = [];
  private results: RowResult[] = [];
  private misses: Isrc[] = [];
  private lastFlushMs: number;
  private flushing: Promise<void> = Promise.resolve();

  constructor(
    private readonly parts: TurnParts,
    private readonly claim: Claim,
    private readonly turn: TurnState,
  ) {
    this.lastFlushMs = this.nowMs;
  }

  add(result: RowResult): void {
    this.results.push(result);
  }

  addFetched(fetched: Fetched): void {
    this.fetched.push(fetched);
  }

  addMiss({ line, isrc }: ClaimedRow): void {
    this.misses.push(isrc);
    this.results.push({ line, status: 'not-found', problem: null });
  }

  /** Begins to record what is there, where enough is or it has waited long enough. */
  flushIfDue(): void {
    const ready = this.fetched.length + this.results.length;
    if (ready === 0) return;
    const isDue = ready >= FLUSHED_TOGETHER || this.nowMs - this.lastFlushMs >= this.parts.times.flushMs;
    if (!isDue) return;
    this.lastFlushMs = this.nowMs;
    const before = this.flushing;
    this.flushing = before.then(() => this.flushOnce());
    this.flushing.catch((error: unknown) => {
      this.turn.ended.abort(error); // told by `flush`, at the latest
    });
  }

  /** Records all that is there. @throws Error of the database, where it stays away */
  async flush(): Promise<void> {
    await this.flushing;
    await this.flushOnce();
  }

  private async flushOnce(): Promise<void> {
    const { fetched, results, misses } = this;
    [this.fetched, this.results, this.misses] = [[], [], []];
    if (fetched.length + results.length === 0) return;
    try {
      if (misses.length > 0) await this.parts.tracks.rememberMisses(misses).catch(() => undefined); // a note, no more
      await this.persistently(
        results,
        (each) => each.line,
        (rest) => this.settle(rest),
      );
      await this.store(fetched);
    } catch (error) {
      if (!(error instanceof ClaimLostError || error instanceof ImportStoppedError)) throw error;
      this.turn.ended.abort(error);
      if (error instanceof ClaimLostError) this.turn.open.clear();
      // The calls are paid: what they brought is kept, whatever becomes of the rows.
      else if (fetched.length > 0) await this.keep(fetched);
    }
  }

  /** Effects and rows together. One recording that cannot be stored does not hold up the others. */
  private async store(fetched: readonly Fetched[]): Promise<void> {
    try {
      await this.persistently(
        fetched,
        ({ row }) => row.line,
        (rest) => this.storeOnce(rest),
      );
    } catch (error) {
      if (error instanceof ClaimLostError || error instanceof ImportStoppedError) throw error;
      if (judgeDatabaseError(error) !== 'unknown') throw error;
      if (fetched.length > 1) {
        for (const one of fetched) if (this.turn.open.has(one.row.line)) await this.store([one]);
        return;
      }
      this.parts.onDefect(error);
      const problem = 'internal: the recording could not be stored';
      await this.settle(fetched.map(({ row: { line } }) => ({ line, status: 'failed', problem })));
    }
  }

  private async storeOnce(fetched: readonly Fetched[]): Promise<void> {
    const { tracks, ledger, clock } = this.parts;
    const lines = new Map<Isrc, number>(fetched.map(({ row }) => [row.isrc, row.line]));
    const saved = await tracks.storeRecordings(
      fetched.map(({ recording }) => recording),
      {
        onlyIfStored: false,
        within: async (transaction, outcomes) => {
          const results = [...outcomes].map(([isrc, outcome]): RowResult => ({
            line: lines.get(isrc) ?? 0,
            status: this.statusOf(outcome),
            problem: null,
          }));
          await ledger.settle(this.claim, results, clock.now(), transaction);
        },
      },
    );
    for (const line of lines.values()) this.turn.open.delete(line);
    for (const outcome of saved.values()) this.parts.tally.add(this.statusOf(outcome), 1);
  }

  private statusOf(outcome: string): RowResult['status'] {
    if (outcome === 'created') return 'created';
    return this.claim.shouldRefresh ? 'refreshed' : 'existing';
  }

  private async settle(results: readonly RowResult[]): Promise<void> {
    if (results.length === 0) return;
    await this.parts.ledger.settle(this.claim, results, this.parts.clock.now());
    this.parts.tally.addAll(results);
    for (const { line } of results) this.turn.open.delete(line);
  }

  private async keep(fetched: readonly Fetched[]): Promise<void> {
    await this.parts.tracks
      .storeRecordings(
        fetched.map(({ recording }) => recording),
        { onlyIfStored: false },
      )
      .catch(() => undefined); // nobody waits for them
  }

  /**
   * Records `items`, and tries again while the database is away: what was fetched has cost calls. Whether the first try was
   * recorded is not known then, so the next goes on with those rows that are still held; the fence refuses what comes too late.
   */
  private async persistently<Item>(
    items: readonly Item[],
    lineOf: (item: Item) => number,
    record: (rest: readonly Item[]) => Promise<void>,
  ): Promise<void> {
    const { ledger, clock, times } = this.parts;
    const untilMs = this.nowMs + 2 * times.leaseMs;
    let rest = items;
    for (let isFirst = true; rest.length > 0; isFirst = false) {
      try {
        if (!isFirst) {
          const held = await ledger.listHeld(this.claim);
          for (const item of rest) if (!held.has(lineOf(item))) this.turn.open.delete(lineOf(item));
          rest = rest.filter((item) => held.has(lineOf(item)));
        }
        if (rest.length > 0) await record(rest);
        return;
      } catch (error) {
        const isPassing = ['unavailable', 'retry'].includes(judgeDatabaseError(error));
        if (!isPassing || this.nowMs > untilMs || this.turn.stopping.aborted) throw error;
        await clock.sleep(times.flushMs / 2, this.turn.stopping);
      }
    }
  }

  private get nowMs(): number {
    return this.parts.clock.now().getTime();
  }
}
