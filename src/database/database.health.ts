import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import { DataSource } from 'typeorm';
import { DatabaseConnector } from './database.connector';
import { ReadSide } from './read-side';
import { leaveConnections } from './server-pools';

/** At most one real check a second, however often health is asked. */
const FRESH_MS = 1000;
const TIMEOUT_MS = 400;

/** Asks for the word of a server that takes no writes. */
const PING = {
  'better-sqlite3': 'SELECT 0 AS refuses',
  mysql: 'SELECT @@global.read_only AS refuses',
  mariadb: 'SELECT @@global.read_only AS refuses',
  postgres: `SELECT CAST(current_setting('transaction_read_only') = 'on' AS INTEGER) AS refuses`,
} as const;

/** Whether the database answers and its schema is current. */
@Injectable()
export class DatabaseHealth {
  private ping: Promise<unknown> | null = null;

  constructor(
    private readonly indicator: HealthIndicatorService,
    private readonly connector: DatabaseConnector,
    private readonly readSide: ReadSide,
    @InjectDataSource() private readonly dataSource: DataSource,
  ) {}

  async check(): Promise<HealthIndicatorResult> {
    const { state } = this.connector;
    if (state !== 'ready') return this.indicator.check('database').down({ engine: this.engine, state });
    return this.indicator
      .check('database')
      .attempt(async () => {
        await this.askOnce();
        return { engine: this.engine, state };
      })
      .withTimeout(TIMEOUT_MS)
      .cacheFor(FRESH_MS);
  }

  /** Which replicas are read, and how far they are behind; nothing where there are none. Never down: the writer is read then. */
  checkReplicas(): HealthIndicatorResult {
    const replicas = this.readSide.report();
    if (replicas.length === 0) return {};
    const check = this.indicator.check('replicas');
    const isWhole = replicas.every(({ state }) => state === 'ok');
    return isWhole ? check.up({ replicas }) : check.degraded({ replicas, message: 'not all are read' });
  }

  private get engine(): string {
    return this.dataSource.options.type === 'better-sqlite3' ? 'sqlite' : this.dataSource.options.type;
  }

  /** A database that hangs holds one query of ours, not one for each check. */
  private askOnce(): Promise<unknown> {
    this.ping ??= this.askForWrites().finally(() => {
      this.ping = null;
    });
    return this.ping;
  }

  /** Reads go on at a server that takes no writes, but by new connections: after a failover they lead to another one. */
  private async askForWrites(): Promise<void> {
    const [row] = await this.dataSource.query<{ refuses: unknown }[]>(
      PING[this.dataSource.options.type as keyof typeof PING],
    );
    if (!['0', 'OFF'].includes(String(row?.refuses))) leaveConnections(this.dataSource);
  }
}
