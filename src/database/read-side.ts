import { Inject, Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, type EntityManager } from 'typeorm';
import { AppError } from '../common/app-error';
import { ReadDatabase } from '../common/read-database';
import { type Settings, settings } from '../config/settings';
import { createReadSource } from './data-source';
import { OwnWrites } from './own-writes';
import { BeatLog } from './replica-lag';

const PROBE_MS = 1000;
/** A probe that takes longer has failed. */
const PROBE_TIMEOUT_MS = 1000;
/** A replica that is further behind is left out. */
const MAX_LAG_MS = 2000;
/**
 * Own writes are read from the writer for so long. A replica that is read was found at most `MAX_LAG_MS` behind by a probe that
 * began at most two periods and a timeout ago; what was written before all that is there.
 */
const OWN_WRITES_MS = MAX_LAG_MS + 2 * PROBE_MS + PROBE_TIMEOUT_MS;

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
 * Where reads go. With `DATABASE_REPLICA_URLS`: in turns to the replicas that answer and are not behind; to the writer for what
 * this process wrote lately, and where no replica is fit. With SQLite: to a second connection, which need not wait for the one
 * that writes.
 */
@Injectable()
export class ReadSide extends ReadDatabase implements OnModuleInit, OnApplicationShutdown {
  private readonly logger = new Logger(ReadSide.name);
  private readonly replicas: Replica[];
  private readonly own = new OwnWrites(OWN_WRITES_MS);
  private readonly beats = new BeatLog();
  private timer: NodeJS.Timeout | undefined;
  /** The second connection to an SQLite file. */
  private companion: DataSource | null = null;
  private opening: Promise<unknown> | null = null;
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

  async read<T>(work: (manager: EntityManager) => Promise<T>, keys?: readonly string[]): Promise<T> {
    const replica = this.pick(keys);
    const source = replica?.source ?? (this.companion?.isInitialized === true ? this.companion : null);
    if (source === null) {
      this.openCompanion();
      return work(this.writer.manager);
    }
    try {
      return await work(source.manager);
    } catch (error) {
      // What the caller did wrong is as wrong on the writer; whatever a replica does wrong is not the caller's.
      if (error instanceof AppError) throw error;
      if (replica !== null) this.leaveOut(replica, 'unreachable');
      return work(this.writer.manager);
    }
  }

  noteWrite(keys?: readonly string[]): void {
    if (this.replicas.length > 0) this.own.note(keys, performance.now());
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

  /** In turns, so that all have their share. */
  private pick(keys: readonly string[] | undefined): Replica | null {
    if (this.replicas.length === 0) return null;
    const nowMs = performance.now();
    if (this.own.touch(keys, nowMs)) return null;
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
