import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource, EntityManager } from 'typeorm';
import { judgeDatabaseError } from './database-error';

const MAX_TRIES = 5;
const BACKOFF_MS = 10;

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
  for (let tries = 1; ; tries++) {
    try {
      return await dataSource.transaction(work);
    } catch (error) {
      const verdict = judgeDatabaseError(error);
      if (tries >= MAX_TRIES || (verdict !== 'retry' && verdict !== 'duplicate')) throw error;
      await sleep(Math.random() * BACKOFF_MS * 2 ** tries);
    }
  }
}
