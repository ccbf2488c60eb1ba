import { IncomingMessage } from 'node:http';
import { base62 } from './fake-random';
import { Reply } from './http-reply';
import { accountsError, apiError, unauthorized } from './spotify-errors';

const GRANTS = ['client_credentials', 'authorization_code', 'refresh_token'];

/** Who may have a token, and for how long. */
export interface TokenSettings {
  clientId: string;
  clientSecret: string;
  tokenSeconds: number;
  now: () => number;
  random: () => number;
}

/** Issues tokens at the accounts host and judges them at the API host (spotify-api.md 1, 4.3). */
export class TokenDesk {
  private readonly expiries = new Map<string, number>();

  constructor(private readonly settings: TokenSettings) {}

  revokeAll(): void {
    this.expiries.clear();
  }

  /** `POST /api/token`: the error table of spotify-api.md 1, the grant checked before the client. */
  answer(request: IncomingMessage, body: string): Reply {
    const isForm = /^application\/x-www-form-urlencoded\b/i.test(request.headers['content-type'] ?? '');
    const form = new URLSearchParams(isForm ? body : '');
    const grant = form.get('grant_type');
    if (grant === null) return accountsError('unsupported_grant_type', 'grant_type parameter is missing');
    if (!GRANTS.includes(grant)) {
      return accountsError(
        'unsupported_grant_type',
        'grant_type must be client_credentials, authorization_code or refresh_token',
      );
    }
    const refusal = this.refuseClient(request.headers.authorization, form);
    if (refusal !== null) return refusal;
    // The stand-in has no users, so nobody holds a code or a refresh token.
    if (grant !== 'client_credentials') return accountsError('invalid_grant');
    return this.issue();
  }

  /** Null where the Authorization header of an API call is good. */
  refuse(authorization: string | undefined): Reply | null {
    if (authorization === undefined) {
      return apiError(401, 'No token provided', { 'www-authenticate': 'Bearer realm="spotify"' });
    }
    const token = /^Bearer +([\w.~+/=-]+)$/i.exec(authorization)?.[1];
    if (token === undefined) return apiError(400, 'Only valid bearer authentication supported');
    const expiry = this.expiries.get(token);
    if (expiry === undefined) return unauthorized('Invalid access token');
    return this.settings.now() < expiry ? null : unauthorized('The access token expired');
  }

  private issue(): Reply {
    const { random, now, tokenSeconds } = this.settings;
    // Opaque, 100 to 300 characters (spotify-api.md 1).
    const token = `BQ${base62(100 + Math.floor(random() * 199), random)}`;
    this.expiries.set(token, now() + tokenSeconds * 1000);
    return {
      status: 200,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: tokenSeconds }),
    };
  }

  private refuseClient(authorization: string | undefined, form: URLSearchParams): Reply | null {
    let id = form.get('client_id');
    let secret = form.get('client_secret');
    if (authorization !== undefined) {
      const encoded = /^Basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization)?.[1] ?? '';
      const pair = Buffer.from(encoded, 'base64').toString('utf8');
      const colon = pair.indexOf(':');
      if (colon < 0) return accountsError('invalid_client');
      id = pair.slice(0, colon);
      secret = pair.slice(colon + 1);
    }
    if (id !== this.settings.clientId) return accountsError('invalid_client', 'Invalid client');
    return secret === this.settings.clientSecret
      ? null
      : accountsError('invalid_client', 'Invalid client secret');
  }
}
