import type { DataSource } from 'typeorm';
import { describeGate } from './sqlite-gate';

/** What the drivers know of their pools. */
interface PgPool {
  readonly totalCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
  readonly options: { readonly max: number };
}
interface MysqlPool {
  readonly _allConnections: { readonly length: number };
  readonly _freeConnections: { readonly length: number };
  readonly _connectionQueue: { readonly length: number };
  readonly config: { readonly connectionLimit: number };
}

/** Connections of one process to the database that is written. */
export interface PoolReport {
  readonly used: number;
  readonly idle: number;
  /** Callers that wait for a connection. */
  readonly waiting: number;
  readonly limit: number;
}

/** Null before the pool is there. SQLite has one connection, which callers use in turns. */
export function describePool(dataSource: DataSource): PoolReport | null {
  const gate = describeGate(dataSource);
  if (gate !== null) {
    return { used: Number(gate.isTaken), idle: Number(!gate.isTaken), waiting: gate.waiting, limit: 1 };
  }
  const { master, pool } = dataSource.driver as { master?: PgPool; pool?: MysqlPool };
  if (master !== undefined) {
    const { totalCount, idleCount, waitingCount, options } = master;
    return { used: totalCount - idleCount, idle: idleCount, waiting: waitingCount, limit: options.max };
  }
  if (pool === undefined) return null;
  const idle = pool._freeConnections.length;
  return {
    used: pool._allConnections.length - idle,
    idle,
    waiting: pool._connectionQueue.length,
    limit: pool.config.connectionLimit,
  };
}
