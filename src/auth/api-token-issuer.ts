import { Injectable } from '@nestjs/common';
import { IdempotencyService } from '../idempotency/idempotency.service';
import type { StoredAnswer } from '../idempotency/sealed-answer';
import { requireFuture, requireScopes } from './api-token.rules';
import { ApiTokensService, type IssuedToken } from './api-tokens.service';
import type { AuditOrigin } from './audit-origin';
import { type Caller, callerIdOf } from './caller';
import type { Scope } from './scopes';

interface TokenWish {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly expiresAt: Date | null;
}

/** Tokens that a caller asks for, once for each `Idempotency-Key`. */
@Injectable()
export class ApiTokenIssuer {
  constructor(
    private readonly tokens: ApiTokensService,
    private readonly idempotency: IdempotencyService,
  ) {}

  /**
   * Makes a token, or gives the answer that the same call got before.
   * @throws AppError `insufficient-scope`, `invalid-request` for an expiry that has passed, `conflict` while the first
   * call with this key still runs, `idempotency-key-reused`
   */
  async issue(
    caller: Caller,
    { name, scopes, expiresAt }: TokenWish,
    origin: AuditOrigin,
    { key, fingerprint }: { readonly key: string | null; readonly fingerprint: string },
    toAnswer: (issued: IssuedToken) => StoredAnswer,
  ): Promise<{ readonly answer: StoredAnswer; readonly isReplay: boolean }> {
    requireScopes(caller, scopes); // before a replay, which tells a text too
    const call = { callerId: callerIdOf(caller), operation: 'POST /v1/tokens', key };
    return this.idempotency.once(call, fingerprint, async (record) => {
      requireFuture(expiresAt, new Date()); // not before a replay: it had not passed then
      const issued = await this.tokens.create(name, scopes, expiresAt, origin, (transaction, made) =>
        record(transaction, toAnswer(made)),
      );
      return toAnswer(issued);
    });
  }
}
