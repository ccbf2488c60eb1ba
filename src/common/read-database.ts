import type { DataSource, EntityManager } from 'typeorm';

/**
 * Where reads go that need no transaction: a copy of the database where there is one that is fit, else the database itself.
 * `database/` binds it. What this process wrote, it reads again.
 */
export abstract class ReadDatabase {
  /**
   * Runs reads, on one database all of them; maybe twice, where the first fails.
   * @param keys what is read, as `noteWrite` names it; without, anything may be
   */
  abstract read<T>(work: (manager: EntityManager) => Promise<T>, keys?: readonly string[]): Promise<T>;

  /** Tells what was just written; without keys, that anything may have been. */
  abstract noteWrite(keys?: readonly string[]): void;
}

/** One database, which is read as it is written. */
export class OneDatabase extends ReadDatabase {
  constructor(private readonly dataSource: DataSource) {
    super();
  }

  read<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return work(this.dataSource.manager);
  }

  noteWrite(): void {
    // It is there to be read.
  }
}
