/** The identity provider whose access tokens are accepted. */
export interface JwtSettings {
  /** `iss` of its tokens, to the letter. */
  readonly issuer: string;
  /** What `aud` of a token has to name. */
  readonly audience: string;
  /** Where its keys are; null: told by its discovery document. */
  readonly jwksUrl: string | null;
  /** Whether `typ` has to be `at+jwt`, and may not be the `JWT` of older providers. */
  readonly isStrict: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

export const ISSUER_RULE = 'must be an http or https address without query, fragment or credentials';
export const JWKS_URL_RULE =
  'must be an https address without fragment or credentials, or an http address of this machine (127.0.0.1, [::1], localhost)';

export function isIssuer(text: string): boolean {
  return isWebAddress(text) && !text.includes('?');
}

export function isJwksUrl(text: string): boolean {
  return isWebAddress(text) && isSafe(text);
}

/** Rules between the variables of the identity provider. */
export function identityFaults(given: Environment): string[] {
  const { AUTH_JWT_ISSUER: issuer, AUTH_JWT_AUDIENCE: audience, AUTH_JWKS_URL: jwksUrl } = given;
  if (issuer === undefined && audience === undefined) {
    return jwksUrl === undefined
      ? []
      : ['AUTH_JWT_ISSUER and AUTH_JWT_AUDIENCE are missing: AUTH_JWKS_URL is of no use without them'];
  }
  if (issuer === undefined || audience === undefined) {
    const missing = issuer === undefined ? 'AUTH_JWT_ISSUER' : 'AUTH_JWT_AUDIENCE';
    return [`${missing} is missing: the issuer and the audience go together`];
  }
  const faults: string[] = [];
  // With an address for the keys, the issuer is only compared; else it is called.
  if (jwksUrl === undefined && isIssuer(issuer) && !isSafe(issuer)) {
    faults.push(
      'AUTH_JWT_ISSUER must be https, or an http address of this machine (127.0.0.1, [::1], localhost), where AUTH_JWKS_URL is not set',
    );
  }
  if (looksLikeJwt(given['AUTH_BOOTSTRAP_TOKEN'] ?? '')) {
    faults.push(
      'AUTH_BOOTSTRAP_TOKEN begins as a JWT does, and would be taken for a token of the identity provider',
    );
  }
  return faults;
}

/** Whether a token's text begins as a JWT does: an object of JSON in base64url, and more after a dot. */
export function looksLikeJwt(text: string): boolean {
  return text.startsWith('ey') && text.includes('.');
}

/** An address whose host is written as it is read: not `http://2130706433/`, which is 127.0.0.1 in disguise. */
function isWebAddress(text: string): boolean {
  if (!/^https?:\/\/[\x21-\x7e]{1,1000}$/.test(text) || /[@#\\]/.test(text) || !URL.canParse(text))
    return false;
  const { protocol, hostname } = new URL(text);
  return text.toLowerCase().startsWith(`${protocol}//${hostname}`);
}

/** Keys that come over plain http could be anybody's, unless they come from this machine. */
function isSafe(text: string): boolean {
  const { protocol, hostname } = new URL(text);
  return protocol === 'https:' || /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname);
}
