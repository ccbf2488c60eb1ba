import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, In, IsNull, LessThanOrEqual } from 'typeorm';
import { inTransaction, type Transaction } from '../common/transaction';
import { IdempotentCall } from './entities/idempotent-call.entity';

/** At most so many expired rows go at once. */
const PURGED_AT_ONCE = 500;

/** What a claim found: it is ours from now on, another run has it, or it is done. */
type Claimed = 'new' | { readonly state: 'running' | 'done'; readonly call: IdempotentCall };

/** Rows of `idempotent_call`. */
@Injectable()
export class IdempotencyRepository {
  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  /** Makes the row for a new run, or takes over one that expired or whose run died; else says what is there. */
  async claim(id: string, runId: string, now: Date, leaseUntil: Date, expiresAt: Date): Promise<Claimed> {
    const fresh = { runId, leaseUntil, fingerprint: null, sealedAnswer: null, expiresAt };
    for (;;) {
      // Of several at once, one inserts; the others fail on the primary key, begin anew and find the row.
      const claimed = await inTransaction<Claimed | null>(this.dataSource, async (manager) => {
        const call = await manager.findOneBy(IdempotentCall, { id });
        if (call === null) {
          await manager.insert(IdempotentCall, { id, ...fresh });
          return 'new';
        }
        const isDone = call.sealedAnswer !== null;
        if (isDone ? call.expiresAt > now : call.leaseUntil > now) {
          return { state: isDone ? 'done' : 'running', call };
        }
        const seen = { id, runId: call.runId, leaseUntil: call.leaseUntil, expiresAt: call.expiresAt };
        return (await manager.update(IdempotentCall, seen, fresh)).affected === 1 ? 'new' : null;
      });
      if (claimed !== null) return claimed; // else it was taken over or purged since it was read: look again
    }
  }

  /** Keeps a running call for its run. False where it is the run's no more, or done. */
  async renew(id: string, runId: string, leaseUntil: Date): Promise<boolean> {
    const mine = { id, runId, sealedAnswer: IsNull() };
    return (await this.dataSource.manager.update(IdempotentCall, mine, { leaseUntil })).affected === 1;
  }

  /** Records the answer together with the effect, in the effect's transaction. False where the run lost the call. */
  async complete(
    transaction: Transaction,
    id: string,
    runId: string,
    done: Pick<IdempotentCall, 'fingerprint' | 'sealedAnswer' | 'expiresAt'>,
  ): Promise<boolean> {
    return (
      (await transaction.update(IdempotentCall, { id, runId, sealedAnswer: IsNull() }, done)).affected === 1
    );
  }

  /** Forgets a call that came to nothing; one that is done, or another run's by now, stays. */
  async remove(id: string, runId: string): Promise<void> {
    await this.dataSource.manager.delete(IdempotentCall, { id, runId, sealedAnswer: IsNull() });
  }

  /** Removes rows that have expired. */
  async purge(now: Date): Promise<void> {
    const { manager } = this.dataSource;
    const expired = () => ({ expiresAt: LessThanOrEqual(now) }); // TypeORM changes the operators that it is given
    const rows = await manager.find(IdempotentCall, {
      select: { id: true },
      where: expired(),
      take: PURGED_AT_ONCE,
    });
    if (rows.length === 0) return;
    // One that was taken over since has a later expiry, and stays.
    await manager.delete(IdempotentCall, { id: In(rows.map(({ id }) => id)), ...expired() });
  }
}
