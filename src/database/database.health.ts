import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { type HealthIndicatorResult, HealthIndicatorService } from '@nestjs/terminus';
import { DataSource } from 'typeorm';
import { DatabaseConnector } from './database.connector';
import { ReadSide } from './read-side';

/** At most one real check a second, however often health is asked. */
const FRESH_MS = 1000;
const TIMEOUT_MS = 400;

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
        const replicas = this.readSide.report();
        return { engine: this.engine, state, ...(replicas.length > 0 ? { replicas } : {}) };
      })
      .withTimeout(TIMEOUT_MS)
      .cacheFor(FRESH_MS);
  }

  private get engine(): string {
    return this.dataSource.options.type === 'better-sqlite3' ? 'sqlite' : this.dataSource.options.type;
  }

  /** A database that hangs holds one query of ours, not one for each check. */
  private askOnce(): Promise<unknown> {
    this.ping ??= this.dataSource.query('SELECT 1').finally(() => {
      this.ping = null;
    });
    return this.ping;
  }
}
