import { type EntityManager, In } from 'typeorm';
import { ImportRow } from './entities/import-row.entity';
import { Import } from './entities/import.entity';
import { ImportStoppedError } from './import.errors';
import { addSample } from './import-pace';
import {
  ACTIVE_STATES,
  COUNTED_AS,
  countProcessed,
  type FinalStatus,
  type ImportStatus,
} from './import-states';

/** What became of a row. */
export interface RowResult {
  readonly line: number;
  readonly status: FinalStatus;
  readonly problem: string | null;
}

/** What changes on an import besides its counts. */
interface ImportChange {
  readonly state?: ImportStatus;
  readonly resumesAt?: Date | null;
  readonly servedAt?: Date;
  /** Lines up to here were looked for among the stored tracks. */
  readonly raisesCheckedLine?: number;
}

/** Writes results to rows that are pending under this fence; tells which were. */
export async function writeResults(
  manager: EntityManager,
  importId: string,
  fence: number,
  results: readonly RowResult[],
): Promise<FinalStatus[]> {
  const settled: FinalStatus[] = [];
  const alike = new Map<string, RowResult[]>();
  for (const result of results) {
    const key = `${result.status} ${result.problem ?? ''}`;
    const same = alike.get(key);
    if (same === undefined) alike.set(key, [result]);
    else same.push(result);
  }
  for (const same of alike.values()) {
    const [first] = same;
    if (first === undefined) continue;
    const { affected } = await manager.update(
      ImportRow,
      { importId, line: In(same.map(({ line }) => line)), fence, status: 'pending' },
      { status: first.status, problem: first.problem, fence: 0 },
    );
    for (let each = 0; each < (affected ?? 0); each += 1) settled.push(first.status);
  }
  return settled;
}

/**
 * Counts rows that became something, and ends the import with the last of them. Comes last in its transaction: from here on the
 * import is held.
 * @throws ImportStoppedError where it has no work any more
 */
export async function countResults(
  manager: EntityManager,
  importId: string,
  settled: readonly FinalStatus[],
  now: Date,
  { raisesCheckedLine: checked, ...change }: ImportChange,
): Promise<void> {
  const sums = new Map<string, number>();
  for (const status of settled) sums.set(COUNTED_AS[status], (sums.get(COUNTED_AS[status]) ?? 0) + 1);
  const { dataSource } = manager;
  const columnOf = (property: string) =>
    dataSource.driver.escape(
      dataSource.getMetadata(Import).findColumnWithPropertyName(property)?.databaseName ?? property,
    );
  const counted = Object.fromEntries(
    [...sums].map(([name, sum]) => [name, () => `${columnOf(name)} + ${sum}`]),
  );
  const { affected } = await manager
    .createQueryBuilder()
    .update(Import)
    .set({
      ...counted,
      ...(checked === undefined ? {} : { checkedLine: () => raised('checked_line', checked) }),
      ...(settled.length > 0 ? { progressAt: now } : {}),
      revision: () => 'revision + 1',
      ...change,
    })
    .where('id = :id AND state IN (:...states)', { id: importId, states: ACTIVE_STATES })
    .execute();
  if (affected !== 1) throw new ImportStoppedError();
  const owner = await manager.findOneByOrFail(Import, { id: importId });
  const processed = countProcessed(owner);
  const begun = owner.pace.length > 0 ? owner.pace : addSample([], now.getTime(), processed - settled.length);
  const pace = addSample(begun, now.getTime(), processed);
  const isDone = processed === owner.total;
  const isQueued = owner.state === 'queued' && settled.length > 0;
  if (!isDone && !isQueued && pace.at(-1)?.[0] === owner.pace.at(-1)?.[0]) return;
  const startedAt = owner.startedAt ?? now;
  await manager.update(
    Import,
    { id: importId },
    {
      pace,
      ...(isQueued ? { state: 'running', startedAt } : {}),
      ...(isDone ? { state: endOf(owner), startedAt, finishedAt: now, resumesAt: null } : {}),
    },
  );
}

/** An import that failed in every row that it tried has failed. */
function endOf({ failed, created, existing, refreshed, notFound }: Import): 'completed' | 'failed' {
  return failed > 0 && created + existing + refreshed + notFound === 0 ? 'failed' : 'completed';
}

function raised(column: string, value: number): string {
  return `CASE WHEN ${column} < ${value} THEN ${value} ELSE ${column} END`;
}
