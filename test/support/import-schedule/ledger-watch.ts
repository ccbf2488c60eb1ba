import type { DataSource, EntityManager } from 'typeorm';
import type { Claim, ImportLedgerRepository } from '../../../src/imports/import-ledger.repository';
import type { RowResult } from '../../../src/imports/import-results.query';
import {
  ACTIVE_STATES,
  COUNTED_AS,
  type FinalStatus,
  type ImportState,
} from '../../../src/imports/import-states';
import { rowsOf } from '../data-source';

/** An import as one statement sees it: its own counts, and what its rows are. */
interface Seen {
  readonly state: ImportState;
  readonly total: number;
  readonly fence: number;
  readonly revision: number;
  readonly isFinished: boolean;
  readonly counted: Record<string, number>;
  readonly are: Record<string, number>;
  readonly processed: number;
}

const STATUSES = Object.keys(COUNTED_AS) as FinalStatus[];
const COLUMNS = ['created', 'existing', 'refreshed', 'duplicate', 'not_found', 'invalid', 'failed'];

/**
 * Looks at the imports of a schedule all the while, and notes what may not be: counts that are not those of the rows, progress that
 * went back, fences that do not grow, rows that were recorded twice or by a worker that no longer had them.
 */
export class LedgerWatch {
  readonly faults: string[] = [];
  /** Imports whose progress may fall: somebody asked for another try. */
  readonly retried = new Set<string>();
  private readonly last = new Map<string, Seen>();
  /** The fence of the newest claim of each row that is claimed. */
  private readonly holders = new Map<string, number>();
  private readonly recorded = new Set<string>();
  private readonly uncommitted = new WeakMap<EntityManager, (() => void)[]>();
  private isDue = true;

  constructor(
    private readonly dataSource: DataSource,
    private readonly ids: readonly string[],
  ) {}

  /** Something was written that may be seen. */
  noteWrite(): void {
    this.isDue = true;
  }

  /** What was done in this transaction, is. */
  noteCommit(manager: EntityManager): void {
    this.isDue = true;
    for (const note of this.uncommitted.get(manager) ?? []) note();
  }

  /** Rows may be recorded once more: they were taken up again. */
  forget(id: string): void {
    for (const key of [...this.recorded]) if (key.startsWith(`${id}:`)) this.recorded.delete(key);
  }

  /** The same ledger, whose claims and results are noted. */
  overseen(ledger: ImportLedgerRepository): ImportLedgerRepository {
    const claim: ImportLedgerRepository['claim'] = async (...args) => {
      const found = await ledger.claim(...args);
      if (found !== null) this.noteClaim(found);
      return found;
    };
    const settle: ImportLedgerRepository['settle'] = async (...args) => {
      const [held, results, , transaction] = args;
      await ledger.settle(...args);
      const note = () => {
        this.noteResults(held, results);
      };
      if (transaction === undefined) note();
      else this.uncommitted.set(transaction, [...(this.uncommitted.get(transaction) ?? []), note]);
    };
    return new Proxy(ledger, {
      get: (each, name) => {
        if (name === 'claim') return claim;
        if (name === 'settle') return settle;
        const value: unknown = Reflect.get(each, name);
        return typeof value === 'function' ? (value.bind(each) as unknown) : value;
      },
    });
  }

  /** Reads all imports by one statement, where anything was written since. */
  async look(): Promise<void> {
    if (!this.isDue) return;
    this.isDue = false;
    const seen = await this.read();
    for (const id of this.ids) {
      const now = seen.get(id);
      const before = this.last.get(id);
      if (now === undefined) {
        if (before !== undefined) this.faults.push(`${id} is gone`);
        continue;
      }
      // Those who look beside each other may come back in another order.
      if (before !== undefined && now.revision < before.revision) continue;
      for (const fault of compare(before, now, this.retried.has(id))) this.faults.push(`${id}: ${fault}`);
      this.last.set(id, now);
    }
  }

  /** Whether all have come to their end. */
  get areDone(): boolean {
    return this.ids.every((id) => ['completed', 'failed'].includes(this.last.get(id)?.state ?? ''));
  }

  describe(): string {
    return this.ids
      .map((id) => {
        const seen = this.last.get(id);
        return `${id} ${seen?.state ?? 'absent'} ${seen?.processed ?? 0}/${seen?.total ?? 0}`;
      })
      .join(', ');
  }

  private noteClaim({ importId, fence, rows }: Claim): void {
    for (const { line } of rows) {
      const key = `${importId}:${line}`;
      if (fence <= (this.holders.get(key) ?? 0))
        this.faults.push(`${key}: claimed under fence ${fence} again`);
      this.holders.set(key, fence);
    }
  }

  private noteResults({ importId, fence }: Claim, results: readonly RowResult[]): void {
    for (const { line } of results) {
      const key = `${importId}:${line}`;
      const holder = this.holders.get(key) ?? fence; // the claim may have been made without anybody being told
      if (holder > fence) this.faults.push(`${key}: recorded under fence ${fence}, claimed under ${holder}`);
      if (this.recorded.has(key)) this.faults.push(`${key}: recorded twice`);
      this.recorded.add(key);
    }
  }

  private async read(): Promise<ReadonlyMap<string, Seen>> {
    const ids = this.ids.map((id) => `'${id}'`).join(',');
    const name = (text: string) => this.dataSource.driver.escape(text);
    const rows = await rowsOf<Record<string, unknown>>(
      this.dataSource,
      `SELECT i.id, i.state, i.total, i.fence, i.revision, i.finished_at_ms, ${COLUMNS.map((each) => `i.${each}`).join()}, r.status, r.n
       FROM ${name('import')} i LEFT JOIN (
         SELECT import_id, status, COUNT(*) AS n FROM ${name('import_row')} WHERE import_id IN (${ids}) GROUP BY import_id, status
       ) r ON r.import_id = i.id WHERE i.id IN (${ids}) AND i.state NOT IN ('receiving', 'dropped')`,
    );
    const seen = new Map<string, Seen>();
    for (const row of rows) {
      const id = String(row['id']);
      const are = { ...seen.get(id)?.are };
      const { status } = row;
      if (typeof status === 'string') are[status] = Number(row['n']);
      const counted = Object.fromEntries(
        STATUSES.map((status, at) => [status, Number(row[COLUMNS[at] ?? ''])]),
      );
      seen.set(id, {
        state: row['state'] as ImportState,
        total: Number(row['total']),
        fence: Number(row['fence']),
        revision: Number(row['revision']),
        isFinished: row['finished_at_ms'] !== null,
        counted,
        are,
        processed: Object.values(counted).reduce((sum, each) => sum + each, 0),
      });
    }
    return seen;
  }
}

function compare(before: Seen | undefined, now: Seen, mayFall: boolean): string[] {
  const faults: string[] = [];
  const differs = STATUSES.filter((status) => now.counted[status] !== (now.are[status] ?? 0));
  if (differs.length > 0)
    faults.push(`counted ${JSON.stringify(now.counted)}, are ${JSON.stringify(now.are)}`);
  const pending = now.are['pending'] ?? 0;
  if (now.processed + pending !== now.total)
    faults.push(`${now.processed} done and ${pending} pending of ${now.total}`);
  const isActive = (ACTIVE_STATES as readonly string[]).includes(now.state);
  if (isActive === now.isFinished)
    faults.push(`is ${now.state}, and its end is ${isActive ? '' : 'not '}told`);
  if (!isActive && now.state !== 'cancelled' && pending > 0)
    faults.push(`is ${now.state} with ${pending} left`);
  if (before === undefined) return faults;
  if (now.fence < before.fence) faults.push(`its fence fell from ${before.fence} to ${now.fence}`);
  if (!mayFall && now.processed < before.processed)
    faults.push(`progress went back from ${before.processed} to ${now.processed}`);
  const isSame = now.state === before.state && String(Object.values(now.counted)) === String(Object.values(before.counted)); // prettier-ignore
  if (!isSame && now.revision === before.revision) faults.push('changed without a new revision');
  const wasOver = !(ACTIVE_STATES as readonly string[]).includes(before.state);
  if (!mayFall && wasOver && !isSame) faults.push(`went on as ${now.state} after it was ${before.state}`);
  return faults;
}
