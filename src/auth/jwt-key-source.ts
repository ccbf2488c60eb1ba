import { z } from 'zod';
import type { JwtSettings } from '../config/jwt-settings';
import { type JwtKey, readKeySet } from './jwt-key-set';
import type { ProviderHttp } from './jwt-provider-http';

/** How long a discovery document is taken for true, unless what it names fails. */
const DISCOVERY_GOOD_MS = 3_600_000;

/** OpenID Connect Discovery, section 3; only what is used. */
const discovery = z.object({ issuer: z.string(), jwks_uri: z.string().max(1000) });

/** Where the provider's keys are, and what they are now. */
export class JwtKeySource {
  private discovered: { readonly jwksUri: string; readonly atMs: number } | null = null;

  constructor(
    private readonly settings: Pick<JwtSettings, 'issuer' | 'jwksUrl'>,
    private readonly http: ProviderHttp,
  ) {}

  /**
   * Asks the provider, and does not try again.
   * @throws Error whose message says what went wrong, and may be logged
   */
  async fetch(nowMs: number): Promise<JwtKey[]> {
    if (this.settings.jwksUrl !== null) {
      return readKeySet(await this.http.getJson(this.settings.jwksUrl, 'operator'));
    }
    const jwksUri = await this.discover(nowMs);
    try {
      // On the issuer's own origin, the operator's word for the issuer covers it.
      const isOwn = new URL(jwksUri).origin === new URL(this.settings.issuer).origin;
      return await readKeySet(await this.http.getJson(jwksUri, isOwn ? 'operator' : 'provider'));
    } catch (error) {
      this.discovered = null; // it may have moved
      throw error;
    }
  }

  private async discover(nowMs: number): Promise<string> {
    if (this.discovered !== null && Math.abs(nowMs - this.discovered.atMs) < DISCOVERY_GOOD_MS) {
      return this.discovered.jwksUri;
    }
    const { issuer } = this.settings;
    const address = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const parsed = discovery.safeParse(await this.http.getJson(address, 'operator'));
    if (!parsed.success) throw new Error('the discovery document lacks issuer or jwks_uri');
    if (parsed.data.issuer !== issuer) {
      throw new Error('the discovery document is of another issuer than AUTH_JWT_ISSUER');
    }
    const jwksUri = parsed.data.jwks_uri;
    if (!mayBeNamed(jwksUri, issuer)) {
      throw new Error('the discovery document names keys that are neither on https nor where the issuer is');
    }
    this.discovered = { jwksUri, atMs: nowMs };
    return jwksUri;
  }
}

/** https, or what the issuer itself is reached by. */
function mayBeNamed(jwksUri: string, issuer: string): boolean {
  if (!URL.canParse(jwksUri)) return false;
  const url = new URL(jwksUri);
  if (url.username + url.password !== '') return false;
  return url.protocol === 'https:' || url.origin === new URL(issuer).origin;
}
