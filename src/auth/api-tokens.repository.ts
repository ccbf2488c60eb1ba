import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource, IsNull } from 'typeorm';
import { judgeDatabaseError } from '../common/database-error';
import { ApiToken } from './entities/api-token.entity';

/** Rows of `api_token`. */
@Injectable()
export class ApiTokensRepository {
  constructor(@InjectDataSource() private readonly dataSource: DataSource) {}

  findByHash(tokenHash: string): Promise<ApiToken | null> {
    return this.dataSource.manager.findOneBy(ApiToken, { tokenHash });
  }

  findById(id: string): Promise<ApiToken | null> {
    return this.dataSource.manager.findOneBy(ApiToken, { id });
  }

  /** Oldest first. */
  list(): Promise<ApiToken[]> {
    return this.dataSource.manager.find(ApiToken, { order: { createdAt: 'ASC', id: 'ASC' } });
  }

  async hasAny(): Promise<boolean> {
    return this.dataSource.manager.exists(ApiToken);
  }

  /** False where a token with this id or text is there already. */
  async insert(token: ApiToken): Promise<boolean> {
    try {
      await this.dataSource.manager.insert(ApiToken, token);
      return true;
    } catch (error) {
      if (judgeDatabaseError(error) === 'duplicate') return false;
      throw error;
    }
  }

  /** False where there is no such token, or it is revoked already. */
  async revoke(id: string, revokedAt: Date): Promise<boolean> {
    const { affected } = await this.dataSource.manager.update(
      ApiToken,
      { id, revokedAt: IsNull() },
      { revokedAt },
    );
    return (affected ?? 0) > 0;
  }

  async recordUse(id: string, lastUsedAt: Date): Promise<void> {
    await this.dataSource.manager.update(ApiToken, { id }, { lastUsedAt });
  }
}
