import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, type EntityManager, IsNull } from 'typeorm';
import { z } from 'zod';
import { decodeCursor, type Page, toPage } from '../common/page';
import { inTransaction, type Transaction } from '../common/transaction';
import { ApiToken } from './entities/api-token.entity';
import { AuditEvent } from './entities/audit-event.entity';
import { AuthVersion } from './entities/auth-version.entity';

const VERSION_NAME = 'api-token';
const LIST = 'tokens';
const listKey = z.tuple([z.number().int().nonnegative().max(8.64e15), z.string().regex(/^\w{1,40}$/)]);

/** Rows of `api_token`. Every change bumps the version that replicas ask for, and leaves an `audit_event`, at once. */
@Injectable()
export class ApiTokensRepository {
  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  /** The token that has this text, or had it before its last rotation. */
  findByHash(hash: string): Promise<ApiToken | null> {
    return this.dataSource.manager.findOneBy(ApiToken, [{ tokenHash: hash }, { previousHash: hash }]);
  }

  findById(id: string): Promise<ApiToken | null> {
    return this.dataSource.manager.findOneBy(ApiToken, { id });
  }

  /** Oldest first. */
  async list({ limit, cursor }: { limit: number; cursor: string | undefined }): Promise<Page<ApiToken>> {
    const query = this.dataSource.manager
      .createQueryBuilder(ApiToken, 'token')
      .orderBy('token.createdAt', 'ASC')
      .addOrderBy('token.id', 'ASC')
      .limit(limit + 1);
    if (cursor !== undefined) {
      const [createdMs, id] = decodeCursor(LIST, cursor, listKey);
      query.where(
        'token.created_at_ms >= :createdMs AND (token.created_at_ms > :createdMs OR token.id > :id)',
        { createdMs, id },
      );
    }
    return toPage(
      await query.getMany(),
      limit,
      LIST,
      (token) => [token.createdAt.getTime(), token.id],
      (token) => token,
    );
  }

  async hasAny(): Promise<boolean> {
    return this.dataSource.manager.exists(ApiToken);
  }

  /** A number that is another one after every committed change; 0 before the first. */
  async readVersion(): Promise<number> {
    const row = await this.dataSource.manager.findOneBy(AuthVersion, { name: VERSION_NAME });
    return row?.version ?? 0;
  }

  /**
   * False where a token with this id or text is there already.
   * @param together writes in the same transaction
   */
  insert(
    token: ApiToken,
    event: AuditEvent,
    together: (transaction: Transaction) => Promise<void>,
  ): Promise<boolean> {
    const { id, tokenHash } = token;
    return this.change(event, async (manager) => {
      if (await manager.existsBy(ApiToken, [{ id }, { tokenHash }])) return false;
      await manager.insert(ApiToken, token);
      await together(manager);
      return true;
    });
  }

  /** False where it is revoked already, or not there. */
  revoke(id: string, revokedAt: Date, event: AuditEvent): Promise<boolean> {
    return this.change(event, async (manager) => {
      const { affected } = await manager.update(ApiToken, { id, revokedAt: IsNull() }, { revokedAt });
      return affected === 1;
    });
  }

  /** Gives a token another text. False where it was rotated or revoked since it was read. */
  rotate(
    { id, tokenHash }: ApiToken,
    next: Pick<ApiToken, 'tokenHash' | 'hint' | 'previousHash' | 'previousUntil'>,
    event: AuditEvent,
  ): Promise<boolean> {
    return this.change(event, async (manager) => {
      const { affected } = await manager.update(ApiToken, { id, tokenHash, revokedAt: IsNull() }, next);
      return affected === 1;
    });
  }

  /** Writes only where the last use on record is as old as `before`, whichever replica recorded it. */
  async recordUse(id: string, usedAt: Date, before: Date): Promise<void> {
    await this.dataSource.manager
      .createQueryBuilder()
      .update(ApiToken)
      .set({ lastUsedAt: usedAt })
      .where('id = :id AND (last_used_at_ms IS NULL OR last_used_at_ms <= :beforeMs)', {
        id,
        beforeMs: before.getTime(),
      })
      .execute();
  }

  /** `work` says whether it changed something; then the event is kept and the version bumped, last: all wait for that row. */
  private change(event: AuditEvent, work: (manager: EntityManager) => Promise<boolean>): Promise<boolean> {
    return inTransaction(this.dataSource, async (manager) => {
      if (!(await work(manager))) return false;
      await manager.insert(AuditEvent, event);
      const name = VERSION_NAME;
      const { affected } = await manager.increment(AuthVersion, { name }, 'version', 1);
      // Starts at the time, so that a row that was lost does not begin again with numbers that were seen before.
      if (affected === 0) await manager.insert(AuthVersion, { name, version: Date.now() });
      return true;
    });
  }
}
