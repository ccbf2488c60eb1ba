import { type Finding, Findings, reasonOf } from '../common/finding';
import type { JwtSettings } from '../config/jwt-settings';
import { JwtKeySource } from './jwt-key-source';
import { ProviderHttp } from './jwt-provider-http';

/** Fetches the keys of the identity provider, as the service does with the first token. */
export async function examineIdentityProvider(settings: JwtSettings): Promise<Finding[]> {
  const findings = new Findings('identity provider');
  try {
    const keys = await new JwtKeySource(settings, new ProviderHttp()).fetch(Date.now());
    const algorithms = [...new Set(keys.map(({ alg }) => alg))].join(', ');
    if (keys.length === 0)
      findings.fail(
        `${settings.issuer} publishes no key of use`,
        'it has to sign access tokens by RS256, PS256, ES256 or EdDSA, and to publish the keys.',
      );
    else findings.ok(`${settings.issuer} publishes ${keys.length} key(s) of use: ${algorithms}`);
  } catch (error) {
    findings.fail(
      `the keys of ${settings.issuer} cannot be fetched: ${reasonOf(error)}`,
      'check AUTH_JWT_ISSUER (to the letter, mind a closing slash) and AUTH_JWKS_URL, and the way there.',
    );
  }
  return findings.all;
}
