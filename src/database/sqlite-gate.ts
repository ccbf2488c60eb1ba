import { setImmediate as loopTurn, setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import type { BetterSqlite3Driver } from 'typeorm/driver/better-sqlite3/BetterSqlite3Driver';
import { BetterSqlite3QueryRunner } from 'typeorm/driver/better-sqlite3/BetterSqlite3QueryRunner';
import { judgeDatabaseError } from '../common/database-error';

/** How long a statement waits for its turn, in this process or for another one that holds the file. */
const MAX_WAIT_MS = 10_000;
const BUSY_PAUSE_MS = 10;
/** better-sqlite3 answers without a turn of the event loop: a queue of callers would keep all else waiting until its end. */
const MAX_WITHOUT_TURN_MS = 10;

type Owner = object;

/**
 * Turns on the one connection: first come, first served; whoever has it may take it again.
 * Ownership is handed over inside `free`, before anyone else can run: were all waiters woken to look again,
 * two of them could get in.
 */
class Gate {
  private owner: Owner | null = null;
  private holds = 0;
  private turnedAtMs = 0;
  private readonly waiting: { owner: Owner; enter: () => void }[] = [];

  constructor(private readonly maxWaitMs: number) {}

  report(): { isTaken: boolean; waiting: number } {
    return { isTaken: this.owner !== null, waiting: this.waiting.length };
  }

  /** @throws Error where the turn does not come within `maxWaitMs` */
  async take(owner: Owner): Promise<void> {
    if (this.owner === owner) {
      this.holds++;
      return;
    }
    if (this.owner === null) {
      this.owner = owner;
      this.holds = 1;
    } else {
      await this.queueUp(owner);
    }
    if (Date.now() - this.turnedAtMs < MAX_WITHOUT_TURN_MS) return;
    await loopTurn();
    this.turnedAtMs = Date.now();
  }

  private queueUp(owner: Owner): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const entry = {
        owner,
        enter: () => {
          clearTimeout(timer);
          resolve();
        },
      };
      const timer = setTimeout(() => {
        this.waiting.splice(this.waiting.indexOf(entry), 1);
        reject(Object.assign(new Error('the database is busy'), { code: 'SQLITE_BUSY' }));
      }, this.maxWaitMs);
      this.waiting.push(entry);
    });
  }

  free(owner: Owner): void {
    if (this.owner !== owner) throw new Error('the gate is not held by this owner');
    if (--this.holds > 0) return;
    const next = this.waiting.shift();
    this.owner = next?.owner ?? null;
    this.holds = next === undefined ? 0 : 1;
    next?.enter();
  }
}

const gates = new WeakMap<DataSource, Gate>();

/** Whether the gate of this data source is taken, and how many callers wait for it; null where it has none. */
export function describeGate(dataSource: DataSource): { isTaken: boolean; waiting: number } | null {
  return gates.get(dataSource)?.report() ?? null;
}

/**
 * Gives each caller a query runner of its own on TypeORM's one better-sqlite3 connection, and lets one transaction in at
 * a time. TypeORM itself hands the same runner to everybody: overlapping transactions become savepoints of each other,
 * and one rollback discards what the others reported as committed.
 *
 * Transactions begin IMMEDIATE: one that starts by reading could otherwise find, when it comes to write, that another
 * process wrote meanwhile, and no waiting mends that. A file that another process holds is waited for without blocking
 * the event loop.
 *
 * Call before `initialize()`. A statement outside of a transaction's own manager waits until that transaction is over.
 */
export function installSqliteGate(dataSource: DataSource): void {
  const driver = dataSource.driver as BetterSqlite3Driver;
  const gate = new Gate(MAX_WAIT_MS);
  gates.set(dataSource, gate);
  const statements = new Map<string, unknown>();

  class GatedQueryRunner extends BetterSqlite3QueryRunner {
    private isHolding = false;

    constructor() {
      super(driver);
      // One cache of prepared statements for all runners, since all share the connection.
      (this as unknown as { stmtCache: Map<string, unknown> }).stmtCache = statements;
    }

    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- the signature of the class extended
    override async query(query: string, parameters: any[] = [], useStructuredResult = false): Promise<any> {
      await gate.take(this);
      try {
        return await this.patiently(() => super.query(toImmediate(query), parameters, useStructuredResult));
      } finally {
        gate.free(this);
      }
    }

    override async startTransaction(
      isolationLevel?: Parameters<BetterSqlite3QueryRunner['startTransaction']>[0],
    ): Promise<void> {
      if (this.isHolding) {
        await super.startTransaction(isolationLevel);
        return;
      }
      await gate.take(this);
      this.isHolding = true;
      try {
        await super.startTransaction(isolationLevel);
      } catch (error) {
        this.isTransactionActive = false;
        this.letGo();
        throw error;
      }
    }

    override async commitTransaction(): Promise<void> {
      await super.commitTransaction();
      if (!this.isTransactionActive) this.letGo();
    }

    override async rollbackTransaction(): Promise<void> {
      try {
        await super.rollbackTransaction();
      } finally {
        if (!this.isTransactionActive) this.letGo();
      }
    }

    override async release(): Promise<void> {
      if (this.isTransactionActive) await this.rollbackTransaction();
      await super.release();
    }

    /** Waits for a file that another process is writing; inside a transaction the file is ours already. */
    private async patiently<T>(run: () => Promise<T>): Promise<T> {
      const deadline = Date.now() + MAX_WAIT_MS;
      for (;;) {
        try {
          return await run();
        } catch (error) {
          const isInside = this.transactionDepth > 0;
          if (isInside || judgeDatabaseError(error) !== 'retry' || Date.now() > deadline) throw error;
          await sleep(BUSY_PAUSE_MS * (0.5 + Math.random()));
        }
      }
    }

    private letGo(): void {
      if (!this.isHolding) return;
      this.isHolding = false;
      gate.free(this);
    }
  }

  driver.createQueryRunner = () => new GatedQueryRunner();
}

function toImmediate(query: string): string {
  return query === 'BEGIN TRANSACTION' ? 'BEGIN IMMEDIATE' : query;
}
