import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { cacheCounts } from '../common/cache-counts';
import { ApiTokensRepository } from './api-tokens.repository';
import type { Caller } from './caller';
import { ConfirmedVersion } from './confirmed-version';
import type { ApiToken } from './entities/api-token.entity';

/** A thousand bytes or so each. */
const MAX_KNOWN = 10_000;
/** Apart from the known ones: a flood of fakes must not push those out. */
const MAX_UNKNOWN = 1_000;
/** Calls that come together share one query, unless it hangs. */
const SHARED_LOAD_MS = 1_000;

/** A token as the last look into the database found it. */
export interface KnownToken {
  readonly caller: Caller;
  lastUsedMs: number;
}

interface Load {
  readonly beganMs: number;
  readonly found: Promise<KnownToken | null>;
}

/**
 * Tokens by the hash of their text, so that a token in use costs no query. Every change of any token, by whichever
 * process, empties it: here at once, elsewhere within three seconds (`ConfirmedVersion`).
 */
@Injectable()
export class ApiTokenCache {
  private readonly known = new LRUCache<string, KnownToken>({ max: MAX_KNOWN });
  /** The same ones by their text, as soon as they come again: nothing is computed of a token in use. */
  private readonly inUse = new LRUCache<string, KnownToken>({ max: MAX_KNOWN });
  private readonly unknown = new LRUCache<string, true>({ max: MAX_UNKNOWN });
  private loads = new Map<string, Load>();
  private readonly version: ConfirmedVersion;

  constructor(private readonly tokens: ApiTokensRepository) {
    this.version = new ConfirmedVersion(
      () => tokens.readVersion(),
      () => {
        this.forget();
      },
    );
  }

  /** A token in use, by its text; null where `find` has to tell. */
  recall(text: string): KnownToken | null {
    const known = this.version.isConfirmed() ? (this.inUse.get(text) ?? null) : null;
    if (known !== null) cacheCounts.note('api-tokens', 'hit');
    return known;
  }

  /**
   * Null for a text that no token has, or one that was revoked. Whether it has expired is for the caller to see.
   * @throws the database's error where it does not answer, and what is remembered is too old to be trusted
   */
  async find(text: string, hash: string): Promise<KnownToken | null> {
    await this.version.confirm();
    const known = this.known.get(hash);
    const isKnown = known !== undefined || this.unknown.has(hash);
    cacheCounts.note('api-tokens', isKnown ? 'hit' : 'miss');
    if (known === undefined) return isKnown ? null : this.load(hash);
    this.inUse.set(text, known);
    return known;
  }

  /** To be called after every change of a token made by this process, committed or perhaps so. */
  tokenChanged(): void {
    this.version.expire();
    this.forget();
  }

  private forget(): void {
    this.known.clear();
    this.inUse.clear();
    this.unknown.clear();
    this.loads = new Map(); // what these find is for who waits for it, and not kept: it may be older than the change
  }

  private load(hash: string): Promise<KnownToken | null> {
    const { loads } = this;
    const nowMs = performance.now();
    const running = loads.get(hash);
    if (running !== undefined && nowMs - running.beganMs < SHARED_LOAD_MS) return running.found;
    const found = this.tokens.findByHash(hash).then((token) => {
      const known = token === null ? null : toKnown(token, hash);
      if (this.loads === loads) {
        if (known === null) this.unknown.set(hash, true);
        else this.known.set(hash, known);
      }
      return known;
    });
    const load = { beganMs: nowMs, found };
    loads.set(hash, load);
    const end = () => {
      if (loads.get(hash) === load) loads.delete(hash);
    };
    found.then(end, end);
    return found;
  }
}

function toKnown(token: ApiToken, hash: string): KnownToken | null {
  if (token.revokedAt !== null) return null;
  const { id, scopes, expiresAt, previousUntil, lastUsedAt } = token;
  // A text that was rotated away ends with the overlap, or with the token where that is earlier.
  const ends = token.tokenHash === hash ? [expiresAt] : [expiresAt, previousUntil ?? new Date(0)];
  const [end = null] = ends.filter((each) => each !== null).sort((a, b) => a.getTime() - b.getTime());
  return {
    caller: { subject: id, kind: 'api-token', scopes, expiresAt: end },
    lastUsedMs: lastUsedAt?.getTime() ?? 0,
  };
}
