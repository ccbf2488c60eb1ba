import { setMaxListeners } from 'node:events';
import { judgeDatabaseError } from '../common/database-error';
import type { Isrc } from '../recording/isrc';
import type { Recording } from '../recording/recording';
import type { TracksService } from '../tracks/tracks.service';
import type { FetchPace } from './fetch-pace';
import { ClaimLostError, ImportStoppedError } from './import.errors';
import type { Claim, ClaimedRow, ImportLedgerRepository, RowResult } from './import-ledger.repository';
import type { ImportClock, ImportTimes } from './import-times';
import { outcomeOf } from './row-outcome';

/** What a turn works with. */
export interface TurnParts {
  readonly ledger: ImportLedgerRepository;
  readonly tracks: Pick<
    TracksService,
    'findStored' | 'findRecentMisses' | 'fetchRecording' | 'storeRecordings' | 'rememberMisses'
  >;
  readonly pace: FetchPace;
  readonly times: ImportTimes;
  readonly clock: ImportClock;
  /** Told of what nobody foresaw. */
  readonly onDefect: (error: unknown) => void;
}

/** What ended a turn early: for how long the source may not or should not be asked. */
export interface Hold {
  readonly seconds: number;
  /** It answers nothing but errors; else it said itself that it is to be left alone. */
  readonly isFault: boolean;
}

interface Fetched {
  readonly row: ClaimedRow;
  readonly recording: Recording;
}

/** Results that wait for others are recorded at once when there are so many. */
const FLUSHED_TOGETHER = 200;

/** Does what is to be done for the rows of one claim, records it as it goes, and hands back what it could not do. */
export class ImportTurn {
  private readonly open: Map<number, ClaimedRow>;
  private readonly ended = new AbortController();
  private fetched: Fetched[] = [];
  private results: RowResult[] = [];
  private misses: Isrc[] = [];
  private delayed: { line: number; delayMs: number }[] = [];
  private held: Hold | null = null;
  private lastFlushMs: number;
  private flushing: Promise<void> = Promise.resolve();

  constructor(
    private readonly parts: TurnParts,
    private readonly claim: Claim,
    /** Aborted when the process is to stop: the rest is then handed back. */
    private readonly stopping: AbortSignal,
  ) {
    this.open = new Map(claim.rows.map((row) => [row.line, row]));
    this.lastFlushMs = this.nowMs;
    setMaxListeners(0, this.ended.signal); // each of the calls in flight has one
  }

  /**
   * @returns what held it, if anything did
   * @throws Error of the database, where it stays away; what was not recorded is then another's after the lease
   */
  async run(): Promise<Hold | null> {
    const watch = this.watch();
    const stop = () => {
      this.ended.abort(new Error('the process is stopping'));
    };
    this.stopping.addEventListener('abort', stop);
    if (this.stopping.aborted) stop();
    try {
      await this.fetchAll(await this.settleKnown());
      await this.flush();
    } finally {
      this.ended.abort(new Error('the turn is over'));
      this.stopping.removeEventListener('abort', stop);
      await watch;
      await this.handBack();
    }
    return this.held;
  }

  private get nowMs(): number {
    return this.parts.clock.now().getTime();
  }

  /** What needs no call; gives the rows that do. */
  private async settleKnown(): Promise<ClaimedRow[]> {
    const { tracks } = this.parts;
    const { rows, shouldRefresh } = this.claim;
    if (shouldRefresh) return [...rows];
    const isrcs = rows.map(({ isrc }) => isrc);
    const stored = await tracks.findStored(isrcs);
    const missed = await tracks.findRecentMisses(isrcs);
    for (const { line, isrc } of rows) {
      if (stored.has(isrc)) this.results.push({ line, status: 'existing', problem: null });
      else if (missed.has(isrc)) this.results.push({ line, status: 'not-found', problem: null });
    }
    return rows.filter(({ isrc }) => !stored.has(isrc) && !missed.has(isrc));
  }

  private async fetchAll(rows: readonly ClaimedRow[]): Promise<void> {
    const waiting = [...rows];
    const running = new Set<Promise<void>>();
    while (waiting.length > 0 && this.mayGoOn) {
      const row = waiting.shift();
      if (row === undefined) break;
      const work = this.fetchOne(row).finally(() => running.delete(work));
      running.add(work);
      while (running.size >= this.parts.pace.atOnce) await Promise.race(running);
      this.flushIfDue();
    }
    while (running.size > 0) {
      await Promise.race(running);
      this.flushIfDue();
    }
  }

  private get mayGoOn(): boolean {
    return this.held === null && !this.ended.signal.aborted;
  }

  private async fetchOne(row: ClaimedRow): Promise<void> {
    const { tracks, pace } = this.parts;
    try {
      const recording = await tracks.fetchRecording(row.isrc, { lane: 'bulk', signal: this.ended.signal });
      pace.noteAnswer();
      if (recording !== null) {
        this.fetched.push({ row, recording });
        return;
      }
      this.misses.push(row.isrc);
      this.results.push({ line: row.line, status: 'not-found', problem: null });
    } catch (error) {
      if (!this.ended.signal.aborted) this.noteFailure(row, error);
    }
  }

  private noteFailure({ line, attempts }: ClaimedRow, error: unknown): void {
    const outcome = outcomeOf(error, attempts);
    if (outcome.kind === 'hold') {
      this.parts.pace.noteHold();
      this.hold({ seconds: outcome.seconds, isFault: false });
      return;
    }
    const standstill = this.parts.pace.noteFault();
    if (standstill !== null) this.hold({ seconds: standstill, isFault: true });
    if (outcome.kind === 'later') this.delayed.push({ line, delayMs: outcome.delayMs });
    else this.results.push({ line, status: outcome.status, problem: outcome.problem });
  }

  private hold(hold: Hold): void {
    if (this.held === null || hold.seconds > this.held.seconds) this.held = hold;
  }

  private flushIfDue(): void {
    const ready = this.fetched.length + this.results.length;
    if (ready === 0) return;
    const isDue = ready >= FLUSHED_TOGETHER || this.nowMs - this.lastFlushMs >= this.parts.times.flushMs;
    if (!isDue) return;
    this.lastFlushMs = this.nowMs;
    const before = this.flushing;
    this.flushing = before.then(() => this.flushOnce());
    this.flushing.catch((error: unknown) => {
      this.ended.abort(error); // told by `flush`, at the latest
    });
  }

  private async flush(): Promise<void> {
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
      this.ended.abort(error);
      if (error instanceof ClaimLostError) this.open.clear();
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
        for (const one of fetched) if (this.open.has(one.row.line)) await this.store([one]);
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
    await tracks.storeRecordings(
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
    for (const line of lines.values()) this.open.delete(line);
  }

  private statusOf(outcome: string): RowResult['status'] {
    if (outcome === 'created') return 'created';
    return this.claim.shouldRefresh ? 'refreshed' : 'existing';
  }

  private async settle(results: readonly RowResult[]): Promise<void> {
    if (results.length === 0) return;
    await this.parts.ledger.settle(this.claim, results, this.parts.clock.now());
    for (const { line } of results) this.open.delete(line);
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
          for (const item of rest) if (!held.has(lineOf(item))) this.open.delete(lineOf(item));
          rest = rest.filter((item) => held.has(lineOf(item)));
        }
        if (rest.length > 0) await record(rest);
        return;
      } catch (error) {
        const isPassing = ['unavailable', 'retry'].includes(judgeDatabaseError(error));
        if (!isPassing || this.nowMs > untilMs || this.stopping.aborted) throw error;
        await clock.sleep(times.flushMs / 2, this.stopping);
      }
    }
  }

  /** Renews the lease, and ends the turn where it is lost or the import was cancelled. */
  private async watch(): Promise<void> {
    const { ledger, times, clock } = this.parts;
    const { signal } = this.ended;
    let renewAtMs = this.nowMs + times.leaseMs / 3;
    for (;;) {
      await clock.sleep(times.watchMs, signal);
      if (signal.aborted) return;
      try {
        if (!(await ledger.isActive(this.claim.importId))) this.ended.abort(new ImportStoppedError());
        else if (this.nowMs >= renewAtMs) {
          renewAtMs = this.nowMs + times.leaseMs / 3;
          await ledger.renew(this.claim, [...this.open.keys()], new Date(this.nowMs + times.leaseMs));
        }
      } catch {
        // The database is away: without a renewal the lease ends, and the fence holds.
      }
    }
  }

  private async handBack(): Promise<void> {
    const { ledger, clock } = this.parts;
    const delays = new Map<number, number[]>();
    for (const { line, delayMs } of this.delayed) {
      if (this.open.delete(line)) delays.set(delayMs, [...(delays.get(delayMs) ?? []), line]);
    }
    for (const [delayMs, lines] of delays) {
      await ledger.release(this.claim, lines, { freeAt: new Date(this.nowMs + delayMs), isSpent: true });
    }
    await ledger.release(this.claim, [...this.open.keys()], { freeAt: clock.now(), isSpent: false });
  }
}
