import { Injectable } from '@nestjs/common';
import { COUNTED_AS, type FinalStatus } from './import-states';

/** How many rows this process made what of, since it began. */
@Injectable()
export class RowTally {
  private readonly counts = new Map<FinalStatus, number>(
    Object.keys(COUNTED_AS).map((status) => [status as FinalStatus, 0]),
  );

  /** Call once it is committed. */
  add(status: FinalStatus, rows: number): void {
    this.counts.set(status, (this.counts.get(status) ?? 0) + rows);
  }

  addAll(results: readonly { readonly status: FinalStatus }[]): void {
    for (const { status } of results) this.add(status, 1);
  }

  /** Every status, with its count. */
  get all(): ReadonlyMap<FinalStatus, number> {
    return this.counts;
  }
}
