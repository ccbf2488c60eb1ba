import type { DataSource, EntityManager } from 'typeorm';

/**
 * Where reads go that need no transaction: a copy of the database where there is one that is fit, else the database itself.
 * `database/` binds it. What was committed before a read began, by whichever process, that read finds.
 */
export abstract class ReadDatabase {
  /**
   * Runs reads, on one database all of them; maybe twice, where the first fails.
   * @param keys how many rows are read by their keys; without, the work may be long
   */
  abstract read<T>(work: (manager: EntityManager) => Promise<T>, keys?: number): Promise<T>;

  /** Has copies know of what a transaction wrote. To be called last in each that writes what is read here, by its own manager. */
  abstract noteWrite(manager: EntityManager): Promise<void>;
}

/** One database, which is read as it is written. */
export class OneDatabase extends ReadDatabase {
  constructor(private readonly dataSource: DataSource) {
    super();
  }

  read<T>(work: (manager: EntityManager) => Promise<T>): Promise<T> {
    return work(this.dataSource.manager);
  }

  noteWrite(): Promise<void> {
    return Promise.resolve(); // it is there to be read
  }
}
