import type { DataSource } from 'typeorm';
import { ImportRow } from '../../src/imports/entities/import-row.entity';
import { ImportIntake } from '../../src/imports/import-intake';
import { ImportsRepository } from '../../src/imports/imports.repository';
import type { RowStatus } from '../../src/imports/import-states';
import type { FileRow } from '../../src/imports/intake/file-row';
import { MAX_ATTEMPTS } from '../../src/imports/row-outcome';
import { type Isrc, requireIsrc } from '../../src/recording/isrc';
import { Track } from '../../src/tracks/entities/track.entity';
import { TracksRepository } from '../../src/tracks/tracks.repository';
import { type Fate, type Fates, recordingOf } from './import-schedule/fate-source';
import { FaultPlan } from './import-schedule/fault-plan';
import { FaultyWorker, type Shared } from './import-schedule/faulty-worker';
import { LedgerWatch } from './import-schedule/ledger-watch';
import { Simulation } from './import-schedule/simulation';
import { randomFrom } from './upstream-world';

const FAULTS_A_SCHEDULE = 12;
/** Simulated, since the last fault: longer than any lease, delay, pause and mended clock may make the work wait. */
const LONGEST_MS = 25 * 60_000;
/** The same where some codes always fail: workers stand still for ten minutes after each when nothing else is left. */
const LONGEST_WITH_BROKEN_MS = 120 * 60_000;
const LOOKED_EVERY_MS = 26_000;
const LONGEST_RESTART_MS = 5_000;

/** What a schedule did that it may not do; empty where all is well. */
export interface ScheduleResult {
  readonly faults: readonly string[];
  /** What happened, for whoever replays a seed. */
  readonly story: readonly string[];
}

/**
 * Two or three small imports with codes in common, one to three workers, and faults at random: kills, stops, freezes, cuts from the
 * database, lost answers and commits, deadlocks, slowness beyond leases, clocks set by up to an hour. Half of the schedules cancel an
 * import and take it up again. All follows from the seed, but for which of the calls that overlap the database serves first.
 */
export async function runImportSchedule(dataSource: DataSource, seed: number): Promise<ScheduleResult> {
  const chance = jest.spyOn(Math, 'random').mockImplementation(randomFrom(seed ^ 0x5eed));
  try {
    return await new Schedule(dataSource, seed).run();
  } finally {
    chance.mockRestore();
  }
}

class Schedule {
  private readonly random: () => number;
  private readonly simulation: Simulation;
  private readonly imports: ImportsRepository;
  private readonly fates: Fates;
  private readonly stored: ReadonlySet<Isrc>;
  private readonly uploads: readonly { id: string; rows: FileRow[]; shouldRefresh: boolean; atMs: number }[];
  private readonly watch: LedgerWatch;
  private readonly story: string[] = [];
  private isCancelled = false;
  private readonly ended = new AbortController();

  constructor(
    private readonly dataSource: DataSource,
    private readonly seed: number,
  ) {
    const random = (this.random = randomFrom(seed));
    this.simulation = new Simulation(randomFrom(seed * 17 + 5));
    this.imports = new ImportsRepository(dataSource);
    const registrant = seed.toString(36).toUpperCase().padStart(3, '0').slice(-3);
    const codes = Array.from({ length: this.pick(3, 7) }, (_, at) =>
      requireIsrc(`QZ${registrant}${String(this.pick(0, 9) * 1_000_000 + at).padStart(7, '0')}`),
    );
    const hasDeadly = random() < 0.15;
    const of = new Map(
      codes.map((code, at) => [code, hasDeadly && at === 0 ? 'deadly' : fateAt(random())] as const),
    );
    this.fates = { of, calls: new Map() };
    this.stored = new Set(codes.filter((code) => of.get(code) === 'found' && random() < 0.15));
    this.uploads = Array.from({ length: this.pick(1, 3) }, (_, at) => ({
      id: `imp_${seed.toString(16)}x${at}`,
      rows: this.rowsFrom(codes),
      shouldRefresh: random() < 0.2,
      // The first is there; others come while it is worked on.
      atMs: at === 0 ? 0 : random() * 20_000,
    }));
    this.watch = new LedgerWatch(
      dataSource,
      this.uploads.map(({ id }) => id),
    );
  }

  async run(): Promise<ScheduleResult> {
    const { dataSource, simulation, watch, fates, seed } = this;
    const { faults } = watch;
    await new TracksRepository(dataSource).saveRecordings([...this.stored].map(recordingOf), {
      onlyIfStored: false,
    });
    const plan = new FaultPlan(FAULTS_A_SCHEDULE, () => simulation.elapsedMs);
    const shared: Shared = { dataSource, simulation, fates, plan, watch };
    const workers = Array.from({ length: this.pick(1, 3) }, (_, at) => this.process(shared, at + 1));
    const others = [this.receive(), this.cancelAndRetry(), this.endInTime(plan)];
    try {
      await simulation.run(Promise.all([...workers, ...others]), () => watch.look());
      await this.checkRows(faults);
    } catch (error) {
      faults.push(`${String(error)}: ${watch.describe()}`);
    }
    if (faults.length > 0) for (const { id } of this.uploads) await this.imports.cancel(id, new Date());
    return { faults, story: this.story.map((line) => `seed ${seed} ${line}`) };
  }

  private pick(least: number, most: number): number {
    return Math.floor(least + this.random() * (most - least + 1));
  }

  private rowsFrom(codes: readonly Isrc[]): FileRow[] {
    const inputs: string[] = codes.filter(() => this.random() < 0.8).concat(codes.slice(0, 1));
    if (this.random() < 0.5) inputs.push('no code');
    return inputs.map((input, at) => ({ line: at + 1, input }));
  }

  private tell(what: string): void {
    this.story.push(`${(this.simulation.elapsedMs / 1000).toFixed(3)} s: ${what}`);
  }

  /** A process that ended is started again. */
  private async process(shared: Shared, number: number): Promise<void> {
    for (let life = 0; !this.ended.signal.aborted; life += 1) {
      const own = randomFrom(this.seed * 31 + number * 7919 + life * 104_729);
      const tell = (what: string) => {
        this.tell(`worker ${number}, life ${life + 1}: ${what}`);
      };
      await new FaultyWorker(shared, number, own, tell).work(this.ended.signal);
      await this.simulation.sleep(own() * LONGEST_RESTART_MS, this.ended.signal);
    }
  }

  private async receive(): Promise<void> {
    for (const { id, rows, shouldRefresh, atMs } of this.uploads) {
      await this.simulation.sleep(Math.max(0, atMs - this.simulation.elapsedMs));
      const parts = async function* () {
        yield await Promise.resolve(rows);
      };
      await this.simulation.inTurn(0, () =>
        new ImportIntake(this.imports).receive(parts(), { id, shouldRefresh, createdBy: 'test' }, () =>
          Promise.resolve(),
        ),
      );
      this.watch.noteWrite();
    }
  }

  /** Somebody stops an import and goes on with it later. */
  private async cancelAndRetry(): Promise<void> {
    const [first] = this.uploads;
    if (first === undefined || this.random() < 0.5) return;
    await this.simulation.sleep(this.random() * 15_000);
    await this.ask(async (now) => {
      this.isCancelled = await this.imports.cancel(first.id, now);
      if (this.isCancelled) this.tell('cancelled');
    });
    await this.simulation.sleep(this.random() * 10_000);
    await this.retry(first.id);
  }

  private async retry(id: string): Promise<void> {
    this.watch.retried.add(id);
    this.watch.forget(id);
    await this.ask((now) => this.imports.retry(id, now));
    this.tell(`${id} is taken up again`);
    await this.simulation.sleep(1);
    this.watch.retried.delete(id);
  }

  private ask(what: (now: Date) => Promise<unknown>): Promise<void> {
    return this.simulation.inTurn(0, async () => {
      this.watch.noteWrite();
      await what(new Date(this.simulation.nowMs));
      this.watch.noteWrite();
    });
  }

  /** Until all are done; then the rows that failed may be tried once more. */
  private async endInTime(plan: FaultPlan): Promise<void> {
    const { simulation, watch, uploads } = this;
    let mayRetry = this.random() < 0.5;
    const longestMs = [...this.fates.of.values()].includes('broken') ? LONGEST_WITH_BROKEN_MS : LONGEST_MS;
    // Twice done: nobody is about to take one up again.
    for (let done = 0; done < 2 && simulation.elapsedMs - plan.lastAtMs < longestMs;) {
      await simulation.sleep(LOOKED_EVERY_MS);
      done = watch.areDone ? done + 1 : 0;
      if (done < 2 || !mayRetry) continue;
      mayRetry = false;
      done = 0;
      for (const { id } of uploads) await this.retry(id);
    }
    if (!watch.areDone) watch.faults.push(`not done in time: ${watch.describe()}`);
    this.ended.abort();
  }

  /** What became of rows and tracks in the end. */
  private async checkRows(faults: string[]): Promise<void> {
    const { manager } = this.dataSource;
    const makers = new Map<Isrc, number>();
    for (const { id, rows: sent } of this.uploads) {
      const rows = await manager.findBy(ImportRow, { importId: id });
      if (rows.length !== sent.length) faults.push(`${id}: ${rows.length} rows of ${sent.length}`);
      for (const { isrc, status, line, attempts } of rows) {
        if (isrc === null) continue;
        if (status === 'created') makers.set(isrc, (makers.get(isrc) ?? 0) + 1);
        if (!EXPECTED[this.fates.of.get(isrc) ?? 'found'].includes(status))
          faults.push(`${id}:${line} ${isrc} is ${status}`);
        if (status === 'failed' && attempts < MAX_ATTEMPTS)
          faults.push(`${id}:${line} was given up after ${attempts} attempts`);
      }
    }
    for (const isrc of this.fates.of.keys()) {
      const isStored = await manager.existsBy(Track, { isrc });
      const made = (makers.get(isrc) ?? 0) + (this.stored.has(isrc) ? 1 : 0);
      if (made > 1) faults.push(`${isrc} was created ${made} times`);
      if (made === 1 && !isStored) faults.push(`${isrc} was created and is not there`);
      // What a cancelled import had fetched is kept without a row of its own.
      if (made === 0 && isStored && !this.isCancelled) faults.push(`${isrc} is there and no row created it`);
    }
  }
}

const FOUND = ['created', 'existing', 'refreshed', 'duplicate', 'failed'] as const;
const EXPECTED: Record<Fate, readonly RowStatus[]> = {
  found: FOUND,
  flaky: FOUND,
  missing: ['not-found', 'duplicate', 'failed'],
  broken: ['failed', 'duplicate'],
  deadly: ['failed', 'duplicate'],
};

function fateAt(draw: number): Fate {
  if (draw < 0.75) return 'found';
  if (draw < 0.87) return 'missing';
  return draw < 0.95 ? 'flaky' : 'broken';
}
