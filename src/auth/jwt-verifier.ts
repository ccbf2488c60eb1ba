import { Logger } from '@nestjs/common';
import { errors, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import { cacheCounts } from '../common/cache-counts';
import type { JwtSettings } from '../config/jwt-settings';
import type { Caller } from './caller';
import { JWT_SKEW_SECONDS, readJwtClaims } from './jwt-claims';
import { readJwtHeader } from './jwt-header';
import type { JwtKey } from './jwt-key-set';
import type { JwtKeys } from './jwt-keys';
import type { JwtClock } from './jwt-ports';
import { JwtRefusal } from './jwt-refusal';

/** Tokens that were found good and are remembered: so many, and so many characters of them in all. */
const REMEMBERED = { max: 10_000, maxSize: 16 * 1024 * 1024 };

interface Verified {
  readonly caller: Caller;
  readonly key: JwtKey;
  /** The first second in which `exp` and the skew allowed are over. */
  readonly refusedFromSeconds: number;
}

/** Tells whose an access token of the identity provider is (RFC 9068, RFC 8725). */
export class JwtVerifier {
  private readonly logger = new Logger('JwtVerifier');
  /** By the whole text: a part could be another token's too, and a digest costs more than all the rest of a call's check. */
  private readonly verified = new LRUCache<string, Verified>({
    ...REMEMBERED,
    sizeCalculation: (_, text) => text.length,
  });

  constructor(
    private readonly settings: JwtSettings,
    private readonly keys: JwtKeys,
    private readonly now: JwtClock,
  ) {}

  /**
   * Whose a token is; null where it is not good. Every later use is checked again by the clock and against the
   * provider's keys, but not by arithmetic.
   * @throws IdentityProviderUnavailableError where there are no keys to judge it by
   */
  async authenticate(text: string): Promise<Caller | null> {
    const known = this.verified.get(text);
    if (known !== undefined) {
      const pause = this.keys.keepFresh();
      if (pause !== null) await pause;
      if (this.keys.isGood(known.key) && Math.floor(this.now() / 1000) < known.refusedFromSeconds) {
        cacheCounts.note('jwts', 'hit');
        return known.caller;
      }
      this.verified.delete(text);
    }
    cacheCounts.note('jwts', 'miss');
    try {
      const verified = await this.verify(text);
      this.verified.set(text, verified);
      return verified.caller;
    } catch (error) {
      if (!(error instanceof JwtRefusal)) throw error;
      this.logger.debug({ reason: error.reason }, 'JWT refused');
      return null;
    }
  }

  private async verify(text: string): Promise<Verified> {
    const { alg, kid, isTypedAccessToken } = readJwtHeader(text);
    if (this.settings.isStrict && !isTypedAccessToken) throw new JwtRefusal('header: typ');
    const keys = await this.keys.find(kid, alg);
    if (keys.length === 0) throw new JwtRefusal('unknown key');
    const verified =
      (await this.verifyByAny(keys, text, isTypedAccessToken)) ??
      (await this.verifyByAny(await this.keys.findOthers(keys, kid, alg), text, isTypedAccessToken));
    if (verified === null) throw new JwtRefusal('signature verification failed');
    return verified;
  }

  /** Null where the signature is of none of the keys. What else is wrong is so by whichever key. */
  private async verifyByAny(
    keys: readonly JwtKey[],
    text: string,
    isTypedAccessToken: boolean,
  ): Promise<Verified | null> {
    for (const key of keys) {
      try {
        return await this.verifyBy(key, text, isTypedAccessToken);
      } catch (error) {
        if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw asRefusal(error);
      }
    }
    return null;
  }

  private async verifyBy(key: JwtKey, text: string, isTypedAccessToken: boolean): Promise<Verified> {
    const nowMs = this.now();
    const { payload } = await jwtVerify(text, key.key, {
      algorithms: [key.alg],
      issuer: this.settings.issuer,
      audience: this.settings.audience,
      requiredClaims: ['exp'],
      clockTolerance: JWT_SKEW_SECONDS,
      currentDate: new Date(nowMs),
    });
    return {
      caller: readJwtClaims(payload, isTypedAccessToken, nowMs),
      key,
      // As jose has it: refused from the second in which exp <= now - skew.
      refusedFromSeconds: Number(payload.exp) + JWT_SKEW_SECONDS,
    };
  }
}

function asRefusal(error: unknown): unknown {
  return error instanceof errors.JOSEError ? new JwtRefusal(error.message) : error;
}
