import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Counter, Gauge } from 'prom-client';
import { DataSource } from 'typeorm';
import { JwtKeys } from '../auth/jwt-keys';
import { cacheCounts } from '../common/cache-counts';
import { type Settings, settings } from '../config/settings';
import { DatabaseConnector } from '../database/database.connector';
import { describePool } from '../database/pool-report';
import { ReadSide } from '../database/read-side';
import { Metrics } from '../observability/metrics';

/** What the process stands on, as metrics: database, replicas, disk, identity provider, caches. Nothing is asked for them. */
@Injectable()
export class ServiceMetrics implements OnModuleInit {
  constructor(
    private readonly metrics: Metrics,
    private readonly connector: DatabaseConnector,
    private readonly readSide: ReadSide,
    @Inject(JwtKeys) private readonly keys: JwtKeys | null,
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(settings.KEY) private readonly settings: Settings,
  ) {}

  onModuleInit(): void {
    this.showDatabase();
    this.showReplicas();
    this.showCaches();
    if (this.keys !== null) this.showIdentityProvider(this.keys);
    const { database } = this.settings;
    if (database.engine === 'sqlite' && database.path !== ':memory:') this.showDisk(dirname(database.path));
  }

  private showDatabase(): void {
    const ready = this.gauge(
      'database_ready',
      '1 while the database is reached and its schema current',
      'min',
    );
    const connections = new Gauge({
      name: 'deadwax_database_connections',
      help: 'Connections to the database that is written',
      labelNames: ['state'] as const,
      registers: [this.metrics.registry],
    });
    const limit = this.gauge('database_connections_limit', 'Connections there may be', 'sum');
    const waiting = this.gauge('database_waiting', 'Callers that wait for a connection', 'sum');
    this.metrics.beforeEach(() => {
      ready.set(Number(this.connector.state === 'ready'));
      const pool = describePool(this.dataSource);
      connections.set({ state: 'used' }, pool?.used ?? 0);
      connections.set({ state: 'idle' }, pool?.idle ?? 0);
      limit.set(pool?.limit ?? this.settings.database.poolSize);
      waiting.set(pool?.waiting ?? 0);
    });
  }

  private showReplicas(): void {
    const labelNames = ['replica'] as const;
    const registers = [this.metrics.registry];
    const isRead = new Gauge({
      name: 'deadwax_database_replica_up',
      help: '1 while the replica is read: it answers, and is not behind',
      labelNames,
      registers,
      aggregator: 'min',
    });
    const lag = new Gauge({
      name: 'deadwax_database_replica_lag_seconds',
      help: 'How far the replica is behind the writer, as last seen',
      labelNames,
      registers,
      aggregator: 'max',
    });
    this.metrics.beforeEach(() => {
      for (const { name, state, lagMs } of this.readSide.report()) {
        isRead.set({ replica: name }, Number(state === 'ok'));
        if (lagMs !== null) lag.set({ replica: name }, lagMs / 1000);
      }
    });
  }

  private showCaches(): void {
    const lookups = new Counter({
      name: 'deadwax_cache_lookups_total',
      help: 'What was asked of caches, and of work that several callers share, by whether it was there',
      labelNames: ['cache', 'result'] as const,
      registers: [this.metrics.registry],
    });
    this.metrics.beforeEach(() => {
      lookups.reset();
      for (const [cache, { hit, miss }] of cacheCounts.report()) {
        lookups.inc({ cache, result: 'hit' }, hit);
        lookups.inc({ cache, result: 'miss' }, miss);
      }
    });
  }

  private showIdentityProvider(keys: JwtKeys): void {
    const up = this.gauge(
      'identity_provider_up',
      '1 while the last question to the identity provider was answered with keys',
      'min',
    );
    const age = this.gauge('identity_provider_keys_age_seconds', 'Since its keys were last fetched', 'max');
    this.metrics.beforeEach(() => {
      const { state, keysAgeSeconds } = keys.report();
      up.set(Number(state === 'ok'));
      if (keysAgeSeconds !== null) age.set(keysAgeSeconds);
    });
  }

  private showDisk(folder: string): void {
    const free = this.gauge('disk_free_bytes', 'Free on the disk that holds the SQLite file', 'min');
    const size = this.gauge('disk_size_bytes', 'Size of the disk that holds the SQLite file', 'max');
    this.metrics.beforeEach(async () => {
      const disk = await statfs(folder);
      free.set(disk.bavail * disk.bsize);
      size.set(disk.blocks * disk.bsize);
    });
  }

  /** @param aggregator how the figures of workers become one */
  private gauge(name: string, help: string, aggregator: 'min' | 'max' | 'sum'): Gauge {
    return new Gauge({ name: `deadwax_${name}`, help, registers: [this.metrics.registry], aggregator });
  }
}
