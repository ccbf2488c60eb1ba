import { Inject, Injectable, Logger } from '@nestjs/common';
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { AppError } from '../common/app-error';
import type { Page } from '../common/page';
import type { Transaction } from '../common/transaction';
import { type Settings, SettingsError, settings } from '../config/settings';
import { claimsToBeOurs, hashToken, hintOf, isTokenText, makeTokenText } from './api-token.text';
import { ApiTokenCache, type KnownToken } from './api-token-cache';
import { requireScopes } from './api-token.rules';
import { ApiTokenUse } from './api-token-use';
import { ApiTokensRepository } from './api-tokens.repository';
import { AuditLog } from './audit-log';
import { type AuditOrigin, BY_SYSTEM } from './audit-origin';
import type { Caller } from './caller';
import type { ApiToken } from './entities/api-token.entity';
import type { AuditDetails, AuditEvent } from './entities/audit-event.entity';
import { ROLES, type Scope } from './scopes';

/** The first token has a fixed id: of several processes that start on an empty database, one makes it. */
const BOOTSTRAP_ID = 'bootstrap';
/** What `AUTH_BOOTSTRAP_TOKEN` may be. */
const FOREIGN_LENGTH = { least: 32, most: 200 };
/** A flood of fakes that look like no token of ours costs one query in this time. */
const FOREIGN_SOUGHT_EVERY_MS = 5_000;

/** A token, and its text, which is not kept. */
export interface IssuedToken {
  readonly token: ApiToken;
  readonly text: string;
}

/** Tokens issued here: making, listing, rotating, revoking, and telling whose a text is. */
@Injectable()
export class ApiTokensService {
  private readonly logger = new Logger(ApiTokensService.name);
  /** Hashes of the first token, whose text may come from the environment and so have no checksum; all wait for one query. */
  private foreign: { soughtAgainMs: number; hashes: Promise<readonly Buffer[]> } = {
    soughtAgainMs: 0,
    hashes: Promise.resolve([]),
  };

  constructor(
    private readonly tokens: ApiTokensRepository,
    private readonly cache: ApiTokenCache,
    private readonly use: ApiTokenUse,
    private readonly audit: AuditLog,
    @Inject(settings.KEY) private readonly settings: Settings,
  ) {}

  /**
   * A new token.
   * @param together writes in the same transaction, which may be tried again
   */
  async create(
    name: string,
    scopes: readonly Scope[],
    expiresAt: Date | null,
    origin: AuditOrigin = BY_SYSTEM,
    together: (transaction: Transaction, issued: IssuedToken) => Promise<void> = () => Promise.resolve(),
  ): Promise<IssuedToken> {
    const text = makeTokenText();
    const token = describe(`tok_${randomBytes(12).toString('hex')}`, name, text, scopes, expiresAt);
    const issued = { token, text };
    if (!(await this.insert(token, origin, (transaction) => together(transaction, issued)))) {
      throw new Error('a new token has the id or text of an old one');
    }
    return issued;
  }

  /** A page of all tokens, oldest first. */
  async list(page: { limit: number; cursor: string | undefined }): Promise<Page<ApiToken>> {
    await this.use.settled();
    return this.tokens.list(page);
  }

  /** @throws AppError `not-found` */
  async get(id: string): Promise<ApiToken> {
    await this.use.settled();
    const token = /^\w{1,40}$/.test(id) ? await this.tokens.findById(id) : null;
    if (token === null) throw new AppError('not-found', 'There is no API token with this id.');
    return token;
  }

  /**
   * Refused from now on, by this process; by others within three seconds. False where it was revoked before.
   * @throws AppError `not-found`
   */
  async revoke(id: string, origin: AuditOrigin = BY_SYSTEM): Promise<boolean> {
    const { name } = await this.get(id);
    const revokedAt = new Date();
    const event = toEvent('token.revoked', id, revokedAt, origin, { name });
    return this.afterChange(event, this.tokens.revoke(id, revokedAt, event));
  }

  /**
   * A new text for a token. The old one is good for `overlapSeconds` more; one from a rotation before that ends now.
   * @param caller must have every scope of the token, whose new text it is given; null: who holds the database
   * @throws AppError `not-found`, `insufficient-scope`; `conflict` where the token is revoked or expired, or was changed meanwhile
   */
  async rotate(
    id: string,
    overlapSeconds: number,
    caller: Caller | null,
    origin: AuditOrigin = BY_SYSTEM,
  ): Promise<IssuedToken> {
    const token = await this.get(id);
    if (caller !== null) requireScopes(caller, token.scopes);
    const now = new Date();
    if (token.revokedAt !== null) throw new AppError('conflict', 'The token is revoked: make a new one.');
    if (token.expiresAt !== null && token.expiresAt <= now) {
      throw new AppError('conflict', 'The token has expired: make a new one.');
    }
    const text = makeTokenText();
    const previousUntil = overlapSeconds === 0 ? null : new Date(now.getTime() + overlapSeconds * 1000);
    const next = {
      tokenHash: hashToken(text),
      hint: hintOf(text),
      previousHash: previousUntil === null ? null : token.tokenHash,
      previousUntil,
    };
    const event = toEvent('token.rotated', id, now, origin, { name: token.name, overlapSeconds });
    if (!(await this.afterChange(event, this.tokens.rotate(token, next, event)))) {
      throw new AppError('conflict', 'The token was rotated or revoked by another call at the same moment.');
    }
    return { token: Object.assign(token, next), text };
  }

  /**
   * Makes sure that somebody can call: without any token in the database, takes `AUTH_BOOTSTRAP_TOKEN` as an admin token,
   * or makes one outside production.
   * @returns the text of a token made now, to be shown this once; else null
   * @throws SettingsError where the given text could never be accepted
   */
  async ensureFirstToken(): Promise<string | null> {
    const given = this.settings.auth.bootstrapToken;
    if (await this.tokens.hasAny()) return null;
    if (given !== null && claimsToBeOurs(given) && !isTokenText(given)) {
      throw new SettingsError([
        'AUTH_BOOTSTRAP_TOKEN begins as a token of Deadwax does, but has a mistyped character',
      ]);
    }
    if (given === null && this.settings.isProduction) {
      this.logger.warn(
        'there is no API token: set AUTH_BOOTSTRAP_TOKEN, or run "deadwax token create --name admin --role admin"',
      );
      return null;
    }
    const text = given ?? makeTokenText();
    const token = describe(BOOTSTRAP_ID, 'first admin token', text, ROLES.admin, null);
    const isMine = await this.insert(token, BY_SYSTEM, () => Promise.resolve());
    this.foreign.soughtAgainMs = 0;
    return isMine && given === null ? text : null;
  }

  /**
   * Whose a token text is; null where it is malformed, unknown, expired or revoked. A malformed one costs no query, nor
   * does one that is in use.
   * @throws the database's error where it does not answer, and what is remembered is too old to be trusted
   */
  async authenticate(text: string, now: Date): Promise<Caller | null> {
    const isOurs = isTokenText(text);
    if (!isOurs && claimsToBeOurs(text)) return null;
    const hash = hashToken(text);
    if (!isOurs && !(await this.isForeign(text, hash, now))) return null;
    const known = await this.cache.find(text, hash);
    return known === null ? null : this.admit(known, now);
  }

  /** `authenticate` at once, of a token in use; null where it takes a closer look to tell. */
  recall(text: string, now: Date): Caller | null {
    const known = this.cache.recall(text);
    return known === null ? null : this.admit(known, now);
  }

  private admit(known: KnownToken, now: Date): Caller | null {
    const { expiresAt } = known.caller;
    if (expiresAt !== null && expiresAt <= now) return null;
    this.use.record(known, now);
    return known.caller;
  }

  private insert(
    token: ApiToken,
    origin: AuditOrigin,
    together: (transaction: Transaction) => Promise<void>,
  ): Promise<boolean> {
    const { id, name, scopes, createdAt, expiresAt } = token;
    const event = toEvent('token.created', id, createdAt, origin, {
      name,
      scopes,
      expiresAt: expiresAt?.toISOString() ?? null,
    });
    return this.afterChange(event, this.tokens.insert(token, event, together));
  }

  /** What this process remembers of tokens is old from now on, also where nobody knows whether the change was committed. */
  private async afterChange(event: AuditEvent, change: Promise<boolean>): Promise<boolean> {
    const hasChanged = await change.finally(() => {
      this.cache.tokenChanged();
    });
    if (hasChanged) this.audit.changed(event);
    return hasChanged;
  }

  /** Whether it is the hash of the first token, whose text may have been made elsewhere. */
  private async isForeign(text: string, hash: string, now: Date): Promise<boolean> {
    if (text.length < FOREIGN_LENGTH.least || text.length > FOREIGN_LENGTH.most) return false;
    if (now.getTime() >= this.foreign.soughtAgainMs) {
      this.foreign = {
        soughtAgainMs: now.getTime() + FOREIGN_SOUGHT_EVERY_MS,
        hashes: this.findForeignHashes(),
      };
    }
    const given = Buffer.from(hash);
    return (await this.foreign.hashes).some((each) => timingSafeEqual(each, given));
  }

  private async findForeignHashes(): Promise<readonly Buffer[]> {
    try {
      const first = await this.tokens.findById(BOOTSTRAP_ID);
      return [first?.tokenHash, first?.previousHash].flatMap((hash) => (hash ? [Buffer.from(hash)] : []));
    } catch (error) {
      this.foreign.soughtAgainMs = 0; // not known is not the same as not there
      throw error;
    }
  }
}

function describe(
  id: string,
  name: string,
  text: string,
  scopes: readonly Scope[],
  expiresAt: Date | null,
): ApiToken {
  return {
    id,
    name,
    tokenHash: hashToken(text),
    hint: hintOf(text),
    previousHash: null,
    previousUntil: null,
    scopes: [...scopes],
    createdAt: new Date(),
    expiresAt,
    lastUsedAt: null,
    revokedAt: null,
  };
}

function toEvent(
  event: 'token.created' | 'token.rotated' | 'token.revoked',
  tokenId: string,
  at: Date,
  origin: AuditOrigin,
  details: AuditDetails,
): AuditEvent {
  return { id: `aud_${randomBytes(12).toString('hex')}`, at, event, tokenId, ...origin, details };
}
