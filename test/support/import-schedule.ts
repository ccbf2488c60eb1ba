import { setTimeout as sleep } from 'node:timers/promises';
import { type DataSource, In } from 'typeorm';
import { ImportRow } from '../../src/imports/entities/import-row.entity';
import { Import } from '../../src/imports/entities/import.entity';
import { ImportIntake } from '../../src/imports/import-intake';
import { ImportLedgerRepository } from '../../src/imports/import-ledger.repository';
import { ImportRunner } from '../../src/imports/import-runner';
import { countProcessed, type RowStatus } from '../../src/imports/import-states';
import { type ImportClock, USUAL_TIMES } from '../../src/imports/import-times';
import { ImportsRepository } from '../../src/imports/imports.repository';
import type { FileRow } from '../../src/imports/intake/file-row';
import { type Isrc, requireIsrc } from '../../src/recording/isrc';
import type { Recording } from '../../src/recording/recording';
import {
  RecordingSource,
  SourceError,
  SourceTimeoutError,
  SourceUnavailableError,
} from '../../src/recording/recording-source';
import { OneDatabase } from '../../src/common/read-database';
import { TrackDocumentsRepository } from '../../src/tracks/track-documents.repository';
import { Track } from '../../src/tracks/entities/track.entity';
import { TrackRefresher } from '../../src/tracks/track-refresher';
import { TracksRepository } from '../../src/tracks/tracks.repository';
import { TracksService } from '../../src/tracks/tracks.service';
import { aRecording } from '../builders/recording';
import { randomFrom } from './upstream-world';

/** The workers' time runs so much faster than ours: a lease of twelve seconds takes a fifth of one. */
const SPEED = 60;
const FAULTS_A_SCHEDULE = 12;
/** Ours: after this the faults are over and clean workers get the time that they need. */
const LONGEST_MS = 60_000;

/** What a schedule did that it may not do; empty where all is well. */
export interface ScheduleResult {
  readonly faults: string[];
  /** What happened, for whoever replays a seed. */
  readonly story: string[];
}

type Fate = 'found' | 'missing' | 'flaky' | 'broken' | 'deadly';

class KilledError extends Error {
  override readonly name = 'KilledError';
}

/** What the source has, and how it fails. The fate of a code follows from the seed. */
class FateSource extends RecordingSource {
  override readonly name = 'sample';
  readonly calls = new Map<Isrc, number>();
  kill: (() => void) | null = null;

  constructor(
    readonly fates: ReadonlyMap<Isrc, Fate>,
    private readonly random: () => number,
  ) {
    super();
  }

  override async findByIsrc(isrc: Isrc): Promise<Recording | null> {
    const calls = (this.calls.get(isrc) ?? 0) + 1;
    this.calls.set(isrc, calls);
    await sleep(this.random() * 3);
    if (this.random() < 0.05) throw new SourceUnavailableError('wait', this.random() * 8);
    const fate = this.fates.get(isrc) ?? 'found';
    switch (fate) {
      case 'missing':
        return null;
      case 'flaky':
        if (calls === 1) throw new SourceTimeoutError('slow');
        break;
      case 'broken':
        throw new SourceError('nonsense');
      case 'deadly':
        this.kill?.();
        throw new KilledError('killed by a row');
      case 'found':
    }
    return aRecording({
      isrc,
      id: `t-${isrc}`,
      title: `Title ${isrc}`,
      album: { ...aRecording().chosen.album, id: `al-${isrc.slice(2, 5)}` },
      artists: [{ id: `ar-${isrc.slice(2, 5)}`, name: 'Artist', url: 'https://a.example' }],
    });
  }

  override refetch() {
    return Promise.resolve(new Map());
  }

  override report() {
    return Promise.resolve({ state: 'ok' as const });
  }
}

/** A process that works on imports: its clock may be wrong, its database away or slow, and it may end at any moment. */
class FaultyWorker {
  private readonly stopping = new AbortController();
  private offsetMs = 0;
  private isOver = false;
  private awayCalls = 0;
  readonly runner: ImportRunner;

  constructor(
    dataSource: DataSource,
    source: FateSource,
    private readonly random: () => number,
    /** Faults that may still happen in this schedule. */
    private readonly left: { count: number },
    private readonly tell: (what: string) => void,
  ) {
    const clock: ImportClock = {
      now: () => new Date(virtualNow() + this.offsetMs),
      sleep: async (ms, signal) => {
        const both = AbortSignal.any([this.stopping.signal, ...(signal === undefined ? [] : [signal])]);
        await sleep(ms / SPEED, undefined, { signal: both }).catch(() => undefined);
        if (this.isDead()) throw new KilledError();
      },
    };
    const ledger = this.faulty(new ImportLedgerRepository(dataSource));
    const reads = new OneDatabase(dataSource);
    const repository = new TracksRepository(dataSource);
    const tracks = this.faulty(
      new TracksService(
        repository,
        new TrackDocumentsRepository(dataSource, reads),
        reads,
        source,
        new TrackRefresher(repository, source),
      ),
    );
    this.runner = new ImportRunner(ledger, tracks, USUAL_TIMES, clock);
    this.source = source;
  }

  private readonly source: FateSource;

  /** Works until it is killed or stopped. True where the process was asked to stop. */
  async work(importIds: readonly string[], isOver: () => boolean): Promise<void> {
    while (!this.stopping.signal.aborted && !isOver()) {
      let isBusy = false;
      for (const id of importIds) {
        try {
          this.source.kill = () => {
            this.kill('a row');
          };
          isBusy = (await this.runner.turn(this.stopping.signal, id)) || isBusy;
        } catch (error) {
          if (this.isDead()) return;
          if (!isDatabaseFault(error)) this.tell(`a turn failed: ${String(error)}`);
        }
      }
      if (!isBusy) await sleep(15);
    }
  }

  private isDead(): boolean {
    return this.isOver;
  }

  stop(): void {
    this.tell('stopped');
    this.stopping.abort();
  }

  private kill(by: string): void {
    this.tell(`killed by ${by}`);
    this.isOver = true;
    this.stopping.abort();
  }

  /** The same object, with faults around every call. */
  private faulty<T extends object>(target: T): T {
    return new Proxy(target, {
      get: (each, name) => {
        const value: unknown = Reflect.get(each, name);
        if (typeof value !== 'function') return value;
        return (...args: unknown[]) =>
          this.through(String(name), () => (value as (...a: unknown[]) => unknown).apply(each, args));
      },
    });
  }

  private async through(name: string, call: () => unknown): Promise<unknown> {
    if (this.isDead()) throw new KilledError();
    if (this.awayCalls > 0) {
      this.awayCalls -= 1;
      throw databaseFault('ECONNREFUSED');
    }
    const fault = this.left.count > 0 ? this.random() : 1;
    if (fault < 0.11) this.left.count -= 1;
    if (fault < 0.02) {
      this.kill(`kill -9 before ${name}`);
      throw new KilledError();
    }
    if (fault < 0.04) {
      await call();
      this.kill(`kill -9 after ${name}`);
      throw new KilledError();
    }
    if (fault < 0.055) {
      this.tell(`${name}: the answer was lost`);
      await call();
      throw databaseFault('ECONNRESET');
    }
    if (fault < 0.065) {
      this.awayCalls = Math.floor(this.random() * 6);
      this.tell(`${name}: cut off for ${this.awayCalls + 1} calls`);
      throw databaseFault('ECONNREFUSED');
    }
    if (fault < 0.085) {
      const ms = this.random() * 400; // up to two leases
      this.tell(`${name}: slow by ${Math.round(ms)} ms`);
      await sleep(ms / 2);
      const answer = await call();
      await sleep(ms / 2);
      if (this.isDead()) throw new KilledError();
      return answer;
    }
    if (fault < 0.1) {
      this.offsetMs += (this.random() - 0.5) * 7_200_000;
      this.tell(`clock set to ${Math.round(this.offsetMs / 1000)} s off`);
    } else if (fault < 0.11) this.stop();
    const answer = await call();
    if (this.isDead()) throw new KilledError();
    return answer;
  }
}

const startedMs = performance.now();
const virtualNow = () => Date.UTC(2026, 10, 22) + (performance.now() - startedMs) * SPEED;

const databaseFault = (code: string) => Object.assign(new Error(code), { code });
const isDatabaseFault = (error: unknown) => String((error as { code?: unknown }).code).startsWith('ECONN');

/**
 * Two or three small imports with codes in common, one to three workers, and faults at random: kills, stops, cuts from the
 * database, lost answers, slowness beyond leases, clocks set by up to an hour. Now and then one import is cancelled and taken up again.
 * Whatever happens follows from the seed, but for how long the database takes.
 */
export async function runImportSchedule(dataSource: DataSource, seed: number): Promise<ScheduleResult> {
  const random = randomFrom(seed);
  const pick = (least: number, most: number) => Math.floor(least + random() * (most - least + 1));
  const story: string[] = [];
  const faults: string[] = [];
  const registrant = seed.toString(36).toUpperCase().padStart(3, '0').slice(-3);
  const codes = Array.from({ length: pick(3, 7) }, (_, at) =>
    requireIsrc(`QZ${registrant}${String(pick(0, 9) * 1_000_000 + at).padStart(7, '0')}`),
  );
  const hasDeadly = random() < 0.15;
  const fates = new Map<Isrc, Fate>(
    codes.map((code, at) => {
      const draw = random();
      const fate = draw < 0.75 ? 'found' : draw < 0.87 ? 'missing' : draw < 0.95 ? 'flaky' : 'broken';
      return [code, hasDeadly && at === 0 ? 'deadly' : fate];
    }),
  );
  const source = new FateSource(fates, random);
  const imports = new ImportsRepository(dataSource);
  const ids: string[] = [];
  for (let count = pick(1, 2); count > 0; count -= 1) {
    const id = `imp_${seed.toString(16)}x${count}`;
    const rows: FileRow[] = codes
      .filter(() => random() < 0.8)
      .concat(codes.slice(0, 1))
      .map((input, at) => ({ line: at + 1, input }));
    if (random() < 0.5) rows.push({ line: rows.length + 1, input: 'no code' });
    // eslint-disable-next-line @typescript-eslint/require-await -- the rows of a file come in time
    await new ImportIntake(imports).receive((async function* () { yield rows; })(), { id, shouldRefresh: random() < 0.2, createdBy: 'test' }, () => Promise.resolve()); // prettier-ignore
    ids.push(id);
  }

  const left = { count: FAULTS_A_SCHEDULE };
  const untilMs = performance.now() + LONGEST_MS;
  let isOver = false;
  let mayFall = false;
  let isCancelled = false;
  const tell = (worker: number) => (what: string) => story.push(`worker ${worker}: ${what}`);
  const process = async (worker: number) => {
    // A process that ended is started again.
    for (let life = 0; !isOver; life += 1) {
      const own = randomFrom(seed * 31 + worker * 7 + life);
      await new FaultyWorker(dataSource, source, own, left, tell(worker)).work(ids, () => isOver);
    }
  };
  const read = async () => {
    const found = await dataSource.manager.findBy(Import, { id: In(ids) });
    return ids.map((id) => found.find((one) => one.id === id) ?? null);
  };
  const watch = async () => {
    const last = new Map<string, number>();
    while (!isOver) {
      const seen = await read();
      for (const one of seen) {
        if (one === null) {
          faults.push('an import is gone');
          continue;
        }
        const processed = countProcessed(one);
        if (processed > one.total) faults.push(`${one.id}: ${processed} of ${one.total} rows`);
        if (!mayFall && processed < (last.get(one.id) ?? 0)) faults.push(`${one.id}: progress went back`);
        last.set(one.id, processed);
      }
      if (seen.every((one) => one !== null && ['completed', 'failed'].includes(one.state))) isOver = true;
      if (performance.now() > untilMs) {
        faults.push(
          `not done: ${seen.map((one) => `${one?.state} ${one === null ? '' : countProcessed(one)}/${one?.total}`).join()}`,
        );
        isOver = true;
      }
      const [first] = ids;
      if (first !== undefined && !isOver && !isCancelled && random() < 0.08) {
        isCancelled = mayFall = true;
        story.push('cancelled, and taken up again');
        await imports.cancel(first, new Date(virtualNow()));
        await sleep(random() * 30);
        await imports.retry(first, new Date(virtualNow()));
        mayFall = false;
        last.clear();
      }
      await sleep(30);
    }
  };
  await Promise.all([watch(), ...Array.from({ length: pick(1, 3) }, (_, worker) => process(worker))]);
  await check(dataSource, ids, source, isCancelled, faults);
  return { faults, story };
}

async function check(
  dataSource: DataSource,
  ids: readonly string[],
  source: FateSource,
  isCancelled: boolean,
  faults: string[],
): Promise<void> {
  const makers = new Map<Isrc, number>();
  for (const id of ids) {
    const one = await dataSource.manager.findOneByOrFail(Import, { id });
    const rows = await dataSource.manager.findBy(ImportRow, { importId: id });
    const count = (status: RowStatus) => rows.filter((row) => row.status === status).length;
    const counted = [
      one.created,
      one.existing,
      one.refreshed,
      one.duplicate,
      one.notFound,
      one.invalid,
      one.failed,
    ];
    const statuses = [
      'created',
      'existing',
      'refreshed',
      'duplicate',
      'not-found',
      'invalid',
      'failed',
    ] as const;
    const actual = statuses.map(count);
    if (String(counted) !== String(actual))
      faults.push(`${id}: counted ${counted.join()}, are ${actual.join()}`);
    if (rows.length !== one.total || count('pending') > 0) faults.push(`${id}: rows are left`);
    for (const { isrc, status, line } of rows) {
      if (isrc === null) continue;
      if (status === 'created') makers.set(isrc, (makers.get(isrc) ?? 0) + 1);
      const expected: Record<Fate, readonly RowStatus[]> = {
        found: ['created', 'existing', 'refreshed', 'duplicate', 'failed'],
        flaky: ['created', 'existing', 'refreshed', 'duplicate', 'failed'],
        missing: ['not-found', 'duplicate', 'failed'],
        broken: ['failed', 'duplicate'],
        deadly: ['failed', 'duplicate'],
      };
      if (!expected[source.fates.get(isrc) ?? 'found'].includes(status))
        faults.push(`${id}:${line} ${isrc} is ${status}`);
    }
  }
  for (const isrc of source.fates.keys()) {
    const isStored = await dataSource.manager.existsBy(Track, { isrc });
    const made = makers.get(isrc) ?? 0;
    if (made > 1) faults.push(`${isrc} was created ${made} times`);
    if (made === 1 && !isStored) faults.push(`${isrc} was created and is not there`);
    // What a cancelled import had fetched is kept without a row of its own.
    if (made === 0 && isStored && !isCancelled) faults.push(`${isrc} is there and no row created it`);
  }
}
