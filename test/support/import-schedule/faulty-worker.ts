import type { DataSource, EntityManager } from 'typeorm';
import { OneDatabase } from '../../../src/common/read-database';
import { ImportLedgerRepository } from '../../../src/imports/import-ledger.repository';
import { ImportRunner } from '../../../src/imports/import-runner';
import { type ImportClock, USUAL_TIMES } from '../../../src/imports/import-times';
import { TrackDocumentsRepository } from '../../../src/tracks/track-documents.repository';
import { TrackRefresher } from '../../../src/tracks/track-refresher';
import { TracksRepository } from '../../../src/tracks/tracks.repository';
import { TracksService } from '../../../src/tracks/tracks.service';
import { FateSource, type Fates, KilledError } from './fate-source';
import type { Fault, FaultPlan } from './fault-plan';
import type { LedgerWatch } from './ledger-watch';
import type { Simulation } from './simulation';

const CLOCK_STEP_MS = 7_200_000;
const LONGEST_CUT_MS = 30_000;
const LONGEST_SLOWNESS_MS = 2 * USUAL_TIMES.leaseMs;
const LONGEST_FREEZE_MS = 3 * USUAL_TIMES.leaseMs;
const FIRST_IDLE_MS = 500;
const LONGEST_IDLE_MS = 20_000;

/** What all workers of a schedule have in common. */
export interface Shared {
  readonly dataSource: DataSource;
  readonly simulation: Simulation;
  readonly fates: Fates;
  readonly plan: FaultPlan;
  readonly watch: LedgerWatch;
}

/** Documents are mended beside the calls, in real time; that has tests of its own. */
class UnmendedDocuments extends TrackDocumentsRepository {
  override mendSoon(): void {
    // Nothing.
  }
}

/** A process that works on imports: its clock may be wrong, its database away or slow, and it may end at any moment. */
export class FaultyWorker {
  private readonly stopping = new AbortController();
  private readonly runner: ImportRunner;
  private clockOffMs = 0;
  private isDead = false;
  private cutUntilMs = 0;
  private frozenUntilMs = 0;

  /** @param caller a number of its own */
  constructor(
    private readonly shared: Shared,
    private readonly caller: number,
    private readonly random: () => number,
    private readonly tell: (what: string) => void,
  ) {
    const { simulation, fates, watch } = shared;
    const clock: ImportClock = {
      now: () => new Date(simulation.nowMs + this.clockOffMs),
      sleep: async (ms, signal) => {
        await simulation.sleep(
          ms,
          AbortSignal.any([this.stopping.signal, ...(signal === undefined ? [] : [signal])]),
        );
        await this.goOn();
      },
    };
    const dataSource = this.withFaultyCommits(shared.dataSource);
    const source = new FateSource(
      fates,
      random,
      (ms) => simulation.sleep(ms),
      (isrc) => {
        this.kill(`the row of ${isrc}`);
      },
    );
    const reads = new OneDatabase(dataSource);
    const repository = new TracksRepository(dataSource);
    const documents = new UnmendedDocuments(dataSource, reads);
    const refresher = new TrackRefresher(repository, source);
    this.runner = new ImportRunner(
      this.faulty(watch.overseen(new ImportLedgerRepository(dataSource))),
      this.faulty(new TracksService(repository, documents, reads, source, refresher)),
      USUAL_TIMES,
      clock,
    );
  }

  /** Works until it is killed or stopped, or all is over. */
  async work(over: AbortSignal): Promise<void> {
    let idleMs = FIRST_IDLE_MS;
    while (!this.stopping.signal.aborted && !over.aborted) {
      try {
        if (await this.runner.turn(this.stopping.signal)) {
          idleMs = FIRST_IDLE_MS;
          continue;
        }
      } catch (error) {
        if (this.isDead) return;
        if (!isFault(error)) this.tell(`a turn failed: ${String(error)}`);
      }
      await this.shared.simulation.sleep(idleMs, AbortSignal.any([this.stopping.signal, over]));
      idleMs = Math.min(2 * idleMs, LONGEST_IDLE_MS);
    }
  }

  private kill(by: string): void {
    this.tell(`killed by ${by}`);
    this.isDead = true;
    this.stopping.abort();
  }

  /** Where a process that stands still, or is gone, would go no further. */
  private async goOn(): Promise<void> {
    const { simulation } = this.shared;
    if (this.frozenUntilMs > simulation.elapsedMs)
      await simulation.sleep(this.frozenUntilMs - simulation.elapsedMs);
    this.liveOn();
  }

  private liveOn(): void {
    if (this.isDead) throw new KilledError();
  }

  /** The same object, with faults around every call. */
  private faulty<T extends object>(target: T): T {
    return new Proxy(target, {
      get: (each, name) => {
        const value: unknown = Reflect.get(each, name);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) => {
          const call = () => (value as (...a: unknown[]) => Promise<unknown>).apply(each, args);
          // Within another's transaction: that one has its turn.
          const isWithin = name === 'settle' && args[3] !== undefined;
          const isOfTheSource = name === 'fetchRecording';
          return this.through(String(name), call, { isFree: isWithin || isOfTheSource });
        };
      },
    });
  }

  private async through(
    name: string,
    call: () => Promise<unknown>,
    { isFree }: { isFree: boolean },
  ): Promise<unknown> {
    const { simulation, plan } = this.shared;
    this.liveOn();
    if (simulation.elapsedMs < this.cutUntilMs && !isFree) throw databaseFault('ECONNREFUSED');
    const fault = plan.onCall(this.random);
    if (fault !== null) this.tell(`${name}: ${fault}`);
    if (fault === 'slow' && !isFree) await simulation.sleep(this.random() * LONGEST_SLOWNESS_MS);
    this.strike(fault, 'before');
    const alive = async () => {
      this.liveOn();
      return await call();
    };
    const answer = await (isFree ? alive() : simulation.inTurn(this.caller, alive));
    if (fault === 'slow' && !isFree) await simulation.sleep(this.random() * LONGEST_SLOWNESS_MS);
    this.strike(fault, 'after');
    if (!isFree) await this.goOn();
    this.liveOn();
    return answer;
  }

  private strike(fault: Fault | null, moment: 'before' | 'after'): void {
    const { elapsedMs } = this.shared.simulation;
    if (fault === `kill ${moment}`) {
      this.kill(`kill -9`);
      throw new KilledError();
    }
    if (moment === 'after') {
      if (fault === 'answer lost') throw databaseFault('ECONNRESET');
      return;
    }
    if (fault === 'cut off') {
      this.cutUntilMs = elapsedMs + this.random() * LONGEST_CUT_MS;
      throw databaseFault('ECONNREFUSED');
    }
    if (fault === 'frozen') this.frozenUntilMs = elapsedMs + this.random() * LONGEST_FREEZE_MS;
    if (fault === 'clock step') {
      this.clockOffMs += (this.random() - 0.5) * CLOCK_STEP_MS;
      this.tell(`clock set to ${Math.round(this.clockOffMs / 1000)} s off`);
    }
    if (fault === 'stop') this.stopping.abort();
  }

  /** The same database, whose commits may be refused, or be done without anybody being told. */
  private withFaultyCommits(dataSource: DataSource): DataSource {
    const { plan, watch } = this.shared;
    const transaction = async (work: (manager: EntityManager) => Promise<unknown>) => {
      const fault = plan.onCommit(this.random);
      if (fault !== null) this.tell(fault);
      let opened: EntityManager | undefined;
      const result = await dataSource.transaction(async (manager) => {
        opened = manager;
        const done = await work(manager);
        if (fault === 'commit refused') throw databaseFault('ECONNRESET');
        if (fault === 'deadlock') throw databaseFault('40001');
        return done;
      });
      if (opened !== undefined) watch.noteCommit(opened);
      if (fault === 'commit untold') throw databaseFault('ECONNRESET');
      return result;
    };
    return new Proxy(dataSource, {
      get: (each, name) => {
        if (name === 'transaction') return transaction;
        const value: unknown = Reflect.get(each, name);
        return typeof value === 'function' ? (value.bind(each) as unknown) : value;
      },
    });
  }
}

const databaseFault = (code: string) => Object.assign(new Error(`fault: ${code}`), { code });
const isFault = (error: unknown) => error instanceof Error && error.message.startsWith('fault: ');
