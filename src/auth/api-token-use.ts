import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { ApiTokensRepository } from './api-tokens.repository';
import type { KnownToken } from './api-token-cache';

const RECORDED_EVERY_MS = 60_000;

/** Records when tokens were last used: to the minute, beside the calls. One that cannot be recorded is lost. */
@Injectable()
export class ApiTokenUse implements OnModuleDestroy {
  private readonly logger = new Logger(ApiTokenUse.name);
  private readonly writing = new Set<Promise<void>>();

  constructor(private readonly tokens: ApiTokensRepository) {}

  /** Returns at once; writes where neither this process nor, as the database tells, another did so within a minute. */
  record(token: KnownToken, now: Date): void {
    if (now.getTime() - token.lastUsedMs < RECORDED_EVERY_MS) return;
    token.lastUsedMs = now.getTime();
    const before = new Date(now.getTime() - RECORDED_EVERY_MS);
    const write = this.tokens
      .recordUse(token.caller.subject, now, before)
      .catch((error: unknown) => {
        this.logger.debug({ err: error }, 'the last use of a token was not recorded');
      })
      .finally(() => this.writing.delete(write));
    this.writing.add(write);
  }

  /** The database closes later. */
  onModuleDestroy(): Promise<void> {
    return this.settled();
  }

  /** Resolves when what this process has to record is recorded, so that who reads then sees it. Never rejects. */
  async settled(): Promise<void> {
    await Promise.all(this.writing);
  }
}
