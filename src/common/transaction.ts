import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource, EntityManager } from 'typeorm';
import { judgeDatabaseError } from './database-error';

/**
 * An open transaction, for code that passes one on without using it: a service that takes it from one folder's
 * repository and hands it to another's, so that both write together or not at all.
 */
export type Transaction = EntityManager;

/** Writers that crowd on a few rows can meet in a deadlock several times over. */
const MAX_TRIES = 24;
/** A try that took so long waited for a lock: after some of those the caller has waited enough. */
const LONG_TRY_MS = 4_000;
const ENOUGH_MS = 8_000;
/** Deadlocks are found out sooner, PostgreSQL takes a second: of these more are borne. */
const MOST_MS = 20_000;
const BACKOFF_MS = 10;
const LONGEST_BACKOFF_MS = 320;

/**
 * Runs `work` in one transaction, and again from its beginning where the engine asks for it: deadlock, lock wait
 * timeout, busy file, or a row that another writer made at the same moment (`work` then finds it).
 * `work` must use the manager that it is given and have no effect outside of the database.
 * @throws whatever `work` throws, or the last error of the database
 */
export async function inTransaction<T>(
  dataSource: DataSource,
  work: (manager: EntityManager) => Promise<T>,
): Promise<T> {
  const startedMs = performance.now();
  for (let tries = 1; ; tries++) {
    const triedMs = performance.now();
    try {
      return await dataSource.transaction(work);
    } catch (error) {
      const verdict = judgeDatabaseError(error);
      const nowMs = performance.now();
      const enoughMs = nowMs - triedMs > LONG_TRY_MS ? ENOUGH_MS : MOST_MS;
      const isSpent = tries >= MAX_TRIES || nowMs - startedMs > enoughMs;
      if (isSpent || (verdict !== 'retry' && verdict !== 'duplicate')) throw error;
      await sleep(Math.random() * Math.min(BACKOFF_MS * 2 ** tries, LONGEST_BACKOFF_MS));
    }
  }
}
