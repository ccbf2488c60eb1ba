import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource, EntityManager } from 'typeorm';
import { judgeDatabaseError } from './database-error';

/**
 * An open transaction, for code that passes one on without using it: a service that takes it from one folder's
 * repository and hands it to another's, so that both write together or not at all.
 */
export type Transaction = EntityManager;

/** Writers that crowd on a few rows can meet in a deadlock several times over. */
const MAX_TRIES = 12;
/** A wait for a lock is long already: after some of those the caller has waited enough. */
const ENOUGH_MS = 8_000;
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
    try {
      return await dataSource.transaction(work);
    } catch (error) {
      const verdict = judgeDatabaseError(error);
      const isSpent = tries >= MAX_TRIES || performance.now() - startedMs > ENOUGH_MS;
      if (isSpent || (verdict !== 'retry' && verdict !== 'duplicate')) throw error;
      await sleep(Math.random() * Math.min(BACKOFF_MS * 2 ** tries, LONGEST_BACKOFF_MS));
    }
  }
}
