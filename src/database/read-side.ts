import { Inject, Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, type EntityManager } from 'typeorm';
import { AppError } from '../common/app-error';
import { CoalescedReads } from '../common/coalesced-reads';
import { ReadDatabase } from '../common/read-database';
import { type Settings, settings } from '../config/settings';
import { createReadSource } from './data-source';
import { LoopTurns } from './loop-turns';
import { BeatLog } from './replica-lag';
import { countWrite, hasReached, readWriteCounts, type WriteCounts } from './write-counts';

const PROBE_MS = 1000;
/** A probe that takes longer has failed. */
const PROBE_TIMEOUT_MS = 1000;
/** A replica that is further behind is left out. */
const MAX_LAG_MS = 2000;
/** Reads of at most so many keys by SQLite take well under a millisecond. */
const SHORT_READ_KEYS = 200;
/** A read of the writer's counts serves all who came before it began. */
const COUNTS_READ = { maxKeys: 1, maxRunning: 2 };

interface Replica {
  readonly name: string;
  readonly source: DataSource;
  /** Read until then, unless it is probed again. */
  fitUntilMs: number;
  state: 'connecting' | 'ok' | 'behind' | 'unreachable';
  lagMs: number | null;
  probing: Promise<void> | null;
}

/** How the replicas are, for health. */
export interface ReplicaReport {
  readonly name: string;
  readonly state: Replica['state'];
  readonly lagMs: number | null;
}

/**
 * Where reads go. With `DATABASE_REPLICA_URLS`: in turns to the replicas that answer and are not far behind, where they have all
 * that the writer had when the read began; else to the writer. With SQLite: to a second connection, which need not wait for the
 * one that writes.
 */
@Injectable()
export class ReadSide extends ReadDatabase implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger(ReadSide.name);
  private readonly replicas: Replica[];
  private readonly counts = new CoalescedReads<WriteCounts>(
    async () => new Map([['', await readWriteCounts(this.writer)]]),
    COUNTS_READ,
  );
  private readonly beats = new BeatLog();
  private timer: NodeJS.Timeout | undefined;
  /** The second connection to an SQLite file. */
  private companion: DataSource | null = null;
  private opening: Promise<unknown> | null = null;
  private readonly turns = new LoopTurns();
  private turn = 0;

  constructor(
    @InjectDataSource() private readonly writer: DataSource,
    @Inject(settings.KEY) { database, replicas }: Settings,
  ) {
    super();
    if (database.engine === 'sqlite' && database.path !== ':memory:')
      this.companion = createReadSource(database, database.poolSize);
    this.replicas = replicas.map((address) => ({
      name: address.engine === 'sqlite' ? 'sqlite' : `${address.host}:${address.port}/${address.database}`,
      source: createReadSource(address, database.poolSize),
      fitUntilMs: -Infinity,
      state: 'connecting',
      lagMs: null,
      probing: null,
    }));
  }

  onModuleInit(): void {
    if (this.replicas.length === 0) return;
    this.timer = setInterval(() => {
      void this.probe();
    }, PROBE_MS).unref();
  }

  async read<T>(work: (manager: EntityManager) => Promise<T>, keys?: number): Promise<T> {
    const replica = this.pick();
    if (replica !== null) {
      const found = await this.readReplica(replica, work);
      return found === null ? work(this.writer.manager) : found.value;
    }
    if (this.companion?.isInitialized !== true) {
      this.openCompanion();
      return work(this.writer.manager);
    }
    if (keys === undefined || keys > SHORT_READ_KEYS) await this.turns.take();
    try {
      return await work(this.companion.manager);
    } catch (error) {
      if (error instanceof AppError) throw error;
      return work(this.writer.manager);
    }
  }

  /** Also where this process reads no replicas: another one may. SQLite has none. */
  async noteWrite(manager: EntityManager): Promise<void> {
    if (this.writer.options.type !== 'better-sqlite3') await countWrite(manager);
  }

  report(): ReplicaReport[] {
    return this.replicas.map(({ name, state, lagMs }) => ({ name, state, lagMs }));
  }

  /** Looks how far writer and replicas are; done once a second by itself. */
  async probe(): Promise<void> {
    if (!this.writer.isInitialized) return;
    const atMs = performance.now();
    try {
      await inTime(this.writer.query('UPDATE replica_beat SET beat = beat + 1 WHERE id = 1'));
      this.beats.note(await inTime(beatOf(this.writer)), atMs);
    } catch {
      // The writer is away: what replicas have is not known to be new, and they drop out one by one.
    }
    await Promise.all(this.replicas.map((replica) => this.probeOne(replica)));
  }

  async onApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    for (const { probing } of this.replicas) await probing;
    await this.opening;
    const sources = [...this.replicas.map(({ source }) => source), this.companion];
    for (const source of sources) if (source?.isInitialized === true) await source.destroy();
  }

  /** Once the writer has made the file and its schema. Until it is open, and where it cannot be, the writer is read. */
  private openCompanion(): void {
    const { companion } = this;
    if (companion === null || this.opening !== null || !this.writer.isInitialized) return;
    this.opening = companion.initialize().catch((error: unknown) => {
      this.companion = null;
      this.logger.warn(`no second connection: ${error instanceof Error ? error.message : ''}`);
    });
  }

  /**
   * Null where the replica lacks something that the writer had, or fails. Its counts and the work are read by one connection:
   * behind one address there may be several servers.
   */
  private async readReplica<T>(
    replica: Replica,
    work: (manager: EntityManager) => Promise<T>,
  ): Promise<{ value: T } | null> {
    const needed = this.counts.find('').catch(() => null);
    const runner = replica.source.createQueryRunner();
    try {
      const there = await readWriteCounts(runner);
      const due = await needed;
      return due !== null && hasReached(there, due) ? { value: await work(runner.manager) } : null;
    } catch (error) {
      // What the caller did wrong is as wrong on the writer; whatever a replica does wrong is not the caller's.
      if (error instanceof AppError) throw error;
      this.leaveOut(replica, 'unreachable');
      return null;
    } finally {
      await runner.release();
    }
  }

  /** In turns, so that all have their share. */
  private pick(): Replica | null {
    if (this.replicas.length === 0) return null;
    const nowMs = performance.now();
    const fit = this.replicas.filter(({ fitUntilMs }) => fitUntilMs > nowMs);
    this.turn = (this.turn + 1) % Math.max(fit.length, 1);
    return fit[this.turn] ?? null;
  }

  private probeOne(replica: Replica): Promise<void> {
    // One probe of each at a time: a database that hangs holds one query of ours.
    replica.probing ??= this.lookAt(replica).finally(() => {
      replica.probing = null;
    });
    return replica.probing;
  }

  private async lookAt(replica: Replica): Promise<void> {
    const atMs = performance.now();
    try {
      if (!replica.source.isInitialized) await replica.source.initialize();
      replica.lagMs = this.beats.lagOf(await inTime(beatOf(replica.source)), atMs);
    } catch {
      this.leaveOut(replica, 'unreachable');
      return;
    }
    if (replica.lagMs === null || replica.lagMs > MAX_LAG_MS) {
      this.leaveOut(replica, 'behind');
      return;
    }
    if (replica.state !== 'ok') this.logger.log(`replica ${replica.name} is read`);
    replica.state = 'ok';
    replica.fitUntilMs = atMs + 2 * PROBE_MS + PROBE_TIMEOUT_MS;
  }

  private leaveOut(replica: Replica, state: 'behind' | 'unreachable'): void {
    if (replica.state !== state) this.logger.warn(`replica ${replica.name} is left out: ${state}`);
    replica.state = state;
    replica.fitUntilMs = -Infinity;
  }
}

async function beatOf(source: DataSource): Promise<number> {
  const [row] = await source.query<{ beat: string | number }[]>('SELECT beat FROM replica_beat WHERE id = 1');
  if (row === undefined) throw new Error('the schema of the replica is not current');
  return Number(row.beat);
}

function inTime<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new Error('no answer in time'));
    }, PROBE_TIMEOUT_MS);
  });
  return Promise.race([answer, late]).finally(() => {
    clearTimeout(timer);
  });
}
