import { Inject, Injectable, Logger } from '@nestjs/common';
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { type Settings, SettingsError, settings } from '../config/settings';
import { claimsToBeOurs, hashToken, hintOf, isTokenText, makeTokenText } from './api-token.text';
import { ApiTokensRepository } from './api-tokens.repository';
import type { Caller } from './caller';
import type { ApiToken } from './entities/api-token.entity';
import { ROLES, type Scope } from './scopes';

/** The first token has a fixed id: of several processes that start on an empty database, one makes it. */
const BOOTSTRAP_ID = 'bootstrap';
const USE_RECORDED_EVERY_MS = 60_000;
/** A flood of fakes that look like no token of ours costs one query in this time. */
const FOREIGN_SOUGHT_EVERY_MS = 5_000;

/** Tokens issued here: making, listing, revoking, and telling whose a text is. */
@Injectable()
export class ApiTokensService {
  private readonly logger = new Logger(ApiTokensService.name);
  /** Hash of the first token, whose text may come from the environment and so have no checksum; all wait for one query. */
  private foreignHash: { soughtAgainMs: number; found: Promise<string | null> } = {
    soughtAgainMs: 0,
    found: Promise.resolve(null),
  };

  constructor(
    private readonly tokens: ApiTokensRepository,
    @Inject(settings.KEY) private readonly settings: Settings,
  ) {}

  /** A new token and its text, which is not kept. */
  async create(
    name: string,
    scopes: readonly Scope[],
    expiresAt: Date | null,
  ): Promise<{ token: ApiToken; text: string }> {
    const text = makeTokenText();
    const token = describe(`tok_${randomBytes(12).toString('hex')}`, name, text, scopes, expiresAt);
    if (!(await this.tokens.insert(token))) throw new Error('a new token has the id or text of an old one');
    return { token, text };
  }

  /** All tokens, oldest first. */
  list(): Promise<ApiToken[]> {
    return this.tokens.list();
  }

  /** Refused from now on. False where there is no such token, or it is revoked already. */
  revoke(id: string): Promise<boolean> {
    return this.tokens.revoke(id, new Date());
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
    const isMine = await this.tokens.insert(
      describe(BOOTSTRAP_ID, 'first admin token', text, ROLES.admin, null),
    );
    this.foreignHash.soughtAgainMs = 0;
    return isMine && given === null ? text : null;
  }

  /** Whose a token text is; null where it is malformed, unknown, expired or revoked. A malformed one costs no query. */
  async authenticate(text: string, now: Date): Promise<Caller | null> {
    const hash = hashToken(text);
    if (!isTokenText(text) && (claimsToBeOurs(text) || !(await this.isForeign(hash, now)))) return null;
    const token = await this.tokens.findByHash(hash);
    if (token?.revokedAt !== null || (token.expiresAt !== null && token.expiresAt <= now)) return null;
    if (token.lastUsedAt === null || now.getTime() - token.lastUsedAt.getTime() >= USE_RECORDED_EVERY_MS) {
      await this.tokens.recordUse(token.id, now);
    }
    return { subject: token.id, kind: 'api-token', scopes: token.scopes, expiresAt: token.expiresAt };
  }

  /** Whether it is the hash of the first token, whose text may have been made elsewhere. */
  private async isForeign(hash: string, now: Date): Promise<boolean> {
    if (now.getTime() >= this.foreignHash.soughtAgainMs) {
      this.foreignHash = {
        soughtAgainMs: now.getTime() + FOREIGN_SOUGHT_EVERY_MS,
        found: this.findForeignHash(),
      };
    }
    const found = await this.foreignHash.found;
    return found !== null && timingSafeEqual(Buffer.from(hash), Buffer.from(found));
  }

  private async findForeignHash(): Promise<string | null> {
    try {
      return (await this.tokens.findById(BOOTSTRAP_ID))?.tokenHash ?? null;
    } catch (error) {
      this.foreignHash.soughtAgainMs = 0; // not known is not the same as not there
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
    scopes: [...scopes],
    createdAt: new Date(),
    expiresAt,
    lastUsedAt: null,
    revokedAt: null,
  };
}
