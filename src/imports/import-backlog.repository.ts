import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, In } from 'typeorm';
import { Import } from './entities/import.entity';
import { ACTIVE_STATES, countProcessed } from './import-states';

/** What is left to do. */
export interface Backlog {
  /** Imports that have work left. */
  readonly imports: Readonly<Record<(typeof ACTIVE_STATES)[number], number>>;
  readonly rows: number;
  /** When the oldest of them was accepted; null where there is none. */
  readonly oldestAt: Date | null;
  /** When rows of an import that has work last became anything; null where none has. */
  readonly progressAt: Date | null;
  /** Since when rows have been due without a row of any import becoming something; null where none is due. */
  readonly dueSince: Date | null;
}

/** Counted one by one: beyond as many, the figures are of these. */
const MAX_IMPORTS = 1000;

/** How much is left over all imports, for whoever watches the service. */
@Injectable()
export class ImportBacklogRepository {
  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  async describe(now: Date): Promise<Backlog> {
    const found = await this.dataSource.manager.find(Import, {
      where: { state: In([...ACTIVE_STATES]) },
      take: MAX_IMPORTS,
    });
    const due = earliest(found.map(({ wakeAt }) => wakeAt).filter((wakeAt) => wakeAt <= now));
    // Of any: where many imports take turns, each of them waits long. To be accepted is none.
    const moved = found.filter((each) => each.progressAt > each.createdAt);
    const progressAt = latest(moved.map((each) => each.progressAt));
    const [queued, running, paused] = ACTIVE_STATES.map(
      (state) => found.filter((each) => each.state === state).length,
    );
    return {
      imports: { queued: queued ?? 0, running: running ?? 0, paused: paused ?? 0 },
      rows: found.reduce((sum, each) => sum + each.total - countProcessed(each), 0),
      oldestAt: earliest(found.map(({ createdAt }) => createdAt)),
      progressAt,
      dueSince: due && latest([due, ...(progressAt === null ? [] : [progressAt])]),
    };
  }
}

function earliest(moments: readonly Date[]): Date | null {
  return moments.length === 0 ? null : new Date(Math.min(...moments.map((moment) => moment.getTime())));
}

function latest(moments: readonly Date[]): Date | null {
  return moments.length === 0 ? null : new Date(Math.max(...moments.map((moment) => moment.getTime())));
}
