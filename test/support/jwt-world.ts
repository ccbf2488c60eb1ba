import { JwtKeySource } from '../../src/auth/jwt-key-source';
import { JwtKeys } from '../../src/auth/jwt-keys';
import { ProviderHttp, type ProviderHttpOptions } from '../../src/auth/jwt-provider-http';
import { JwtVerifier } from '../../src/auth/jwt-verifier';
import type { JwtSettings } from '../../src/config/jwt-settings';
import { AUDIENCE, KeyServer } from '../fakes/oidc/key-server';

/** A verifier with a clock of its own, and the provider that it trusts. */
export interface JwtWorld {
  readonly provider: KeyServer;
  readonly keys: JwtKeys;
  readonly verifier: JwtVerifier;
  /** Moves the verifier's clock. */
  readonly wait: (ms: number) => void;
  /** Whether a token is good. */
  readonly accepts: (token: string) => Promise<boolean>;
}

/** The keys are at the provider's JWKS address, unless `jwksUrl` is null: then by discovery. */
export async function createJwtWorld(
  settings: Partial<JwtSettings> = {},
  http: ProviderHttpOptions = {},
): Promise<JwtWorld> {
  const provider = await KeyServer.start();
  const { issuer, jwksUrl } = provider;
  const all = { issuer, audience: AUDIENCE, jwksUrl, isStrict: false, ...settings };
  let aheadMs = 0;
  const now = () => Date.now() + aheadMs;
  const keys = new JwtKeys(new JwtKeySource(all, new ProviderHttp(http)), now);
  const verifier = new JwtVerifier(all, keys, now);
  return {
    provider,
    keys,
    verifier,
    wait: (ms) => {
      aheadMs += ms;
    },
    accepts: async (token) => (await verifier.authenticate(token)) !== null,
  };
}
