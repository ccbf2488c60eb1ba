import { setMaxListeners } from 'node:events';
import { telemetry } from '../common/telemetry';
import type { Isrc } from '../recording/isrc';
import type { Refetched } from '../recording/recording-source';
import { ImportStoppedError } from './import.errors';
import type { ClaimedRow } from './import-claims.query';
import type { Claim } from './import-ledger.repository';
import { outcomeOf } from './row-outcome';
import { TurnRecords } from './turn-records';
import type { TurnParts } from './turn-parts';

/** What ended a turn early: for how long the source may not or should not be asked. */
export interface Hold {
  readonly seconds: number;
  /** It answers nothing but errors; else it said itself that it is to be left alone. */
  readonly isFault: boolean;
}

/** Stored tracks that the source is asked for together, as far as it can. */
const REFETCHED_TOGETHER = 100;
/** A code that another worker is asking for is looked for again after this: by then it is stored, mostly. */
const OTHERS_TAKE_MS = 1_000;

/** Does what is to be done for the rows of one claim, records it as it goes, and hands back what it could not do. */
export class ImportTurn {
  private readonly open: Map<number, ClaimedRow>;
  private readonly ended = new AbortController();
  private readonly records: TurnRecords;
  private delayed: { line: number; delayMs: number; isSpent: boolean }[] = [];
  /** Codes that nobody else asks for meanwhile. */
  private flown: ReadonlySet<Isrc> = new Set();
  private held: Hold | null = null;

  constructor(
    private readonly parts: TurnParts,
    private readonly claim: Claim,
    /** Aborted when the process is to stop: the rest is then handed back. */
    private readonly stopping: AbortSignal,
  ) {
    this.open = new Map(claim.rows.map((row) => [row.line, row]));
    this.records = new TurnRecords(parts, claim, { open: this.open, ended: this.ended, stopping });
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
      await this.fetchAll(await this.refetch(await this.settleKnown(await this.takeFlights())));
      await this.records.flush();
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

  /** Those of the rows whose codes nobody else is asking for. What others bring is stored when these rows have their next turn. */
  private async takeFlights(): Promise<ClaimedRow[]> {
    const { rows } = this.claim;
    this.flown = await this.parts.ledger.takeFlights(this.claim, this.parts.clock.now());
    for (const { line, isrc } of rows)
      if (!this.flown.has(isrc)) this.delayed.push({ line, delayMs: OTHERS_TAKE_MS, isSpent: false });
    return rows.filter(({ isrc }) => this.flown.has(isrc));
  }

  /** What needs no call; gives the rows that do. Comes after the flights were taken: what others stored until then is there. */
  private async settleKnown(rows: readonly ClaimedRow[]): Promise<ClaimedRow[]> {
    const { tracks } = this.parts;
    const { shouldRefresh, acceptedAt } = this.claim;
    const isrcs = rows.map(({ isrc }) => isrc);
    const known = shouldRefresh
      ? await tracks.findFetchedSince(isrcs, acceptedAt)
      : await tracks.findStored(isrcs);
    const missed = shouldRefresh ? new Set<Isrc>() : await tracks.findRecentMisses(isrcs);
    for (const { line, isrc } of rows) {
      if (known.has(isrc))
        this.records.add({ line, status: shouldRefresh ? 'refreshed' : 'existing', problem: null });
      else if (missed.has(isrc)) this.records.add({ line, status: 'not-found', problem: null });
    }
    return rows.filter(({ isrc }) => !known.has(isrc) && !missed.has(isrc));
  }

  /** Fetches stored tracks anew, many by one call where the source can do that; gives the rows that are left. */
  private async refetch(rows: readonly ClaimedRow[]): Promise<readonly ClaimedRow[]> {
    if (!this.claim.shouldRefresh) return rows;
    const left: ClaimedRow[] = [];
    for (let at = 0; at < rows.length && this.mayGoOn; at += REFETCHED_TOGETHER) {
      const part = rows.slice(at, at + REFETCHED_TOGETHER);
      const answers = await this.refetchPart(part.map(({ isrc }) => isrc));
      const told = new Set<Error>();
      for (const row of part) {
        const answer = answers.get(row.isrc);
        if (answer === undefined) left.push(row);
        else if (!(answer instanceof Error)) this.records.addFetched({ row, recording: answer });
        else {
          this.noteFailure(row, answer, !told.has(answer)); // one call, and one fault, for many rows
          told.add(answer);
        }
      }
      this.records.flushIfDue();
    }
    return left;
  }

  private async refetchPart(isrcs: readonly Isrc[]): Promise<ReadonlyMap<Isrc, Refetched>> {
    try {
      return await this.parts.tracks.refetchRecordings(isrcs, { lane: 'bulk', signal: this.ended.signal });
    } catch (error) {
      if (this.ended.signal.aborted) return new Map();
      throw error;
    }
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
      this.records.flushIfDue();
    }
    while (running.size > 0) {
      await Promise.race(running);
      this.records.flushIfDue();
    }
  }

  private get mayGoOn(): boolean {
    return this.held === null && !this.ended.signal.aborted;
  }

  private async fetchOne(row: ClaimedRow): Promise<void> {
    const { tracks, pace } = this.parts;
    try {
      const recording = await telemetry.follow(
        { name: 'import row', kind: 'internal', attributes: { 'deadwax.isrc': row.isrc } },
        () => tracks.fetchRecording(row.isrc, { lane: 'bulk', signal: this.ended.signal }),
      );
      pace.noteAnswer();
      if (recording !== null) {
        this.records.addFetched({ row, recording });
        return;
      }
      this.records.addMiss(row);
    } catch (error) {
      if (!this.ended.signal.aborted) this.noteFailure(row, error);
    }
  }

  /** @param isFirst of the rows that met the same error at once */
  private noteFailure({ line, attempts }: ClaimedRow, error: unknown, isFirst = true): void {
    const outcome = outcomeOf(error, attempts);
    if (outcome.kind === 'hold') {
      if (isFirst) this.parts.pace.noteHold();
      this.hold({ seconds: outcome.seconds, isFault: false });
      return;
    }
    const standstill = isFirst ? this.parts.pace.noteFault() : null;
    if (standstill !== null) this.hold({ seconds: standstill, isFault: true });
    if (outcome.kind === 'later') this.delayed.push({ line, delayMs: outcome.delayMs, isSpent: true });
    else this.records.add({ line, status: outcome.status, problem: outcome.problem });
  }

  private hold(hold: Hold): void {
    if (this.held === null || hold.seconds > this.held.seconds) this.held = hold;
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
    const alike = new Map<string, { delayMs: number; isSpent: boolean; lines: number[] }>();
    for (const { line, delayMs, isSpent } of this.delayed) {
      if (!this.open.delete(line)) continue;
      const key = `${delayMs} ${isSpent}`;
      const same = alike.get(key);
      if (same === undefined) alike.set(key, { delayMs, isSpent, lines: [line] });
      else same.lines.push(line);
    }
    for (const { delayMs, isSpent, lines } of alike.values())
      await ledger.release(this.claim, lines, { freeAt: new Date(this.nowMs + delayMs), isSpent });
    await ledger.release(this.claim, [...this.open.keys()], { freeAt: clock.now(), isSpent: false });
    await ledger.endFlights(this.claim, [...this.flown]);
  }
}
