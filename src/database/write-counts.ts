import type { DataSource, EntityManager, QueryRunner } from 'typeorm';

/** The first row of `replica_beat` is the clock of `ReadSide`; writes are counted in these. */
const FIRST_ROW = 2;
/** Writers that raise the same row commit one after the other: more rows, less waiting. */
const ROWS = 64;

/** By row, how many writes have been committed. */
export type WriteCounts = ReadonlyMap<number, bigint>;

/**
 * Counts a transaction that writes, within it, and last: the row that it raises is held until the commit, and no other row is waited
 * for behind it. Any of the rows will do, so each transaction takes one at random.
 */
export async function countWrite(manager: EntityManager): Promise<void> {
  const id = FIRST_ROW + Math.floor(Math.random() * ROWS);
  const raise =
    manager.dataSource.options.type === 'postgres'
      ? 'ON CONFLICT (id) DO UPDATE SET beat = replica_beat.beat + 1'
      : 'ON DUPLICATE KEY UPDATE beat = beat + 1';
  await manager.query(`INSERT INTO replica_beat (id, beat) VALUES (${id}, 1) ${raise}`);
}

/** The counts as they are committed now. */
export async function readWriteCounts(database: DataSource | QueryRunner): Promise<WriteCounts> {
  const rows = (await database.query(`SELECT id, beat FROM replica_beat WHERE id >= ${FIRST_ROW}`)) as {
    id: number | string;
    beat: number | string;
  }[];
  return new Map(rows.map(({ id, beat }) => [Number(id), BigInt(beat)]));
}

/**
 * Whether a database at these counts has every write that one at the others had. Row by row and not by their sum: two writes that
 * raised one row are in the same order everywhere, whereas others may be committed there in another order than here.
 */
export function hasReached(counts: WriteCounts, due: WriteCounts): boolean {
  for (const [row, count] of due) if ((counts.get(row) ?? 0n) < count) return false;
  return true;
}
