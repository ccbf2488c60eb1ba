import { Injectable, Inject, Logger, type BeforeApplicationShutdown } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { judgeDatabaseError } from '../common/database-error';
import { type Settings, settings } from '../config/settings';
import { prepareFile } from './data-source';
import { migrate, pendingMigrations } from './migrator';

const RETRY_MS = 1000;
/** Another process that starts on the same new file holds it while it sets the file's mode; nobody waits for longer. */
const BUSY_MS = 10_000;
const BUSY_PAUSE_MS = 50;

/** The database refuses what the settings ask for: no waiting mends it. The message shows no secret. */
export class DatabaseFaultError extends Error {
  override readonly name = 'DatabaseFaultError';
}

interface OpenOptions {
  /** Wait for a database that cannot be reached, as a server does; else it is a fault, as for a command. */
  readonly isPatient?: boolean;
  readonly shouldMigrate?: boolean;
  /** A database file that is missing is a fault, rather than made. */
  readonly needsFile?: boolean;
}

type State = 'connecting' | 'migrating' | 'ready' | 'failed';

/** Connects, migrates, and waits where the database is not there yet; readiness tells meanwhile. */
@Injectable()
export class DatabaseConnector implements BeforeApplicationShutdown {
  private readonly logger = new Logger(DatabaseConnector.name);
  private currentState: State = 'connecting';
  private opening: Promise<void> | null = null;
  private isStopping = false;

  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(settings.KEY) private readonly settings: Settings,
  ) {}

  get state(): State {
    return this.currentState;
  }

  /**
   * Resolves once the database answers and its schema is current, or when the app is closed before that (then `state`
   * is not `ready`); the same promise for every caller.
   * @throws DatabaseFaultError where the database can be reached but not used
   */
  open({
    isPatient = true,
    shouldMigrate = this.settings.database.shouldMigrate,
    needsFile = false,
  }: OpenOptions = {}): Promise<void> {
    this.opening ??= this.connectAndMigrate(isPatient, shouldMigrate, needsFile).catch((error: unknown) => {
      this.currentState = 'failed';
      throw error;
    });
    return this.opening;
  }

  beforeApplicationShutdown(): void {
    this.isStopping = true;
  }

  private async connectAndMigrate(
    isPatient: boolean,
    shouldMigrate: boolean,
    needsFile: boolean,
  ): Promise<void> {
    const { database } = this.settings;
    if (
      needsFile &&
      database.engine === 'sqlite' &&
      database.path !== ':memory:' &&
      !existsSync(database.path)
    )
      throw new DatabaseFaultError(
        `There is no database at ${database.path}: check DATABASE_URL; "deadwax migrate" makes a new one.`,
      );
    const isConnected = await this.patiently(isPatient, 'the database cannot be reached', async () => {
      prepareFile(this.settings.database);
      if (!this.dataSource.isInitialized) await this.dataSource.initialize();
      return true;
    });
    if (!isConnected) return;
    this.currentState = 'migrating';
    const isCurrent = await this.patiently(isPatient, 'the database went away while migrating', async () => {
      if (!shouldMigrate) return this.awaitMigrations(isPatient);
      const applied = await migrate(this.dataSource);
      if (applied.length > 0) this.logger.log(`migrations applied: ${applied.join(', ')}`);
      return true;
    });
    if (isCurrent) this.currentState = 'ready';
  }

  /** False where the app is closed before another job has applied them. */
  private async awaitMigrations(isPatient: boolean): Promise<boolean> {
    let isTold = false;
    for (;;) {
      const pending = await pendingMigrations(this.dataSource);
      if (pending.length === 0) return true;
      if (this.isStopping) return false;
      if (!isPatient) throw new Error('its schema is not current: run "deadwax migrate"');
      if (!isTold) this.logger.warn(`waiting for migrations that another job applies: ${pending.join(', ')}`);
      isTold = true;
      await sleep(RETRY_MS);
    }
  }

  /** Tries until it works, says so once; what waiting cannot mend is a fault. False where the app is closed meanwhile. */
  private async patiently(
    isPatient: boolean,
    what: string,
    attempt: () => Promise<boolean>,
  ): Promise<boolean> {
    let isTold = false;
    const busyUntilMs = performance.now() + BUSY_MS;
    for (;;) {
      try {
        const isDone = await attempt();
        if (isTold) this.logger.log('the database answers');
        return isDone;
      } catch (error) {
        if (this.isStopping) return false;
        if (judgeDatabaseError(error) === 'retry' && performance.now() < busyUntilMs) {
          await sleep(BUSY_PAUSE_MS * (0.5 + Math.random()));
          continue;
        }
        const isWorthWaiting =
          isPatient &&
          judgeDatabaseError(error) === 'unavailable' &&
          this.settings.database.engine !== 'sqlite';
        if (!isWorthWaiting)
          throw new DatabaseFaultError(
            `The database (${this.describe()}) cannot be used: ${messageOf(error)}`,
          );
        if (!isTold)
          this.logger.warn(`${what} (${this.describe()}: ${messageOf(error)}); trying again every second`);
        isTold = true;
        await sleep(RETRY_MS);
      }
    }
  }

  private describe(): string {
    const { database } = this.settings;
    return database.engine === 'sqlite'
      ? `sqlite file ${database.path}`
      : `${database.engine} at ${database.host}:${database.port}`;
  }
}

/** A driver's message names user, host and database, never the password. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return messageOf(error.errors[0]);
  return error instanceof Error ? error.message : 'unknown fault';
}
