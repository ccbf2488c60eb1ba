import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const AUDIENCE = 'https://deadwax.example';

/** A key pair of the provider. */
export interface ProviderKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];
  /** The public half as published. */
  readonly jwk: JWK;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * A stand-in for an identity provider, for what a real one does not do: a discovery document and a JWKS over real HTTP,
 * and tokens of any form.
 */
export class KeyServer {
  /** Published keys; push and splice at will. */
  readonly keys: ProviderKey[] = [];
  /** Paths asked for, in order. */
  readonly asked: string[] = [];
  /** Answers in place of the documents, while set. */
  handler: Handler | null = null;
  /** Members of the discovery document to replace. */
  discovery: Record<string, unknown> = {};
  private server: Server | null = null;
  private port = 0;

  static async start(): Promise<KeyServer> {
    const started = new KeyServer();
    await started.start();
    return started;
  }

  get issuer(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get jwksUrl(): string {
    return `${this.issuer}/keys`;
  }

  /** How often the keys were asked for. */
  get fetches(): number {
    return this.asked.filter((path) => path === '/keys').length;
  }

  /** Starts again on the port that it had. */
  async start(): Promise<void> {
    const server = createServer((request, response) => {
      this.asked.push(request.url ?? '');
      if (this.handler !== null) {
        this.handler(request, response);
        return;
      }
      const documents: Record<string, unknown> = {
        '/keys': { keys: this.keys.map(({ jwk }) => jwk) },
        '/.well-known/openid-configuration': {
          issuer: this.issuer,
          jwks_uri: this.jwksUrl,
          ...this.discovery,
        },
      };
      const found = documents[request.url ?? ''];
      response.writeHead(found === undefined ? 404 : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(found ?? null));
    });
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve));
    this.port = (server.address() as AddressInfo).port;
    this.server = server;
  }

  async stop(): Promise<void> {
    const { server } = this;
    this.server = null;
    server?.closeAllConnections();
    if (server !== null) await new Promise((resolve) => server.close(resolve));
  }

  /** Makes a key and publishes it. */
  async addKey(alg = 'RS256', kid = `key-${this.keys.length + 1}`): Promise<ProviderKey> {
    const key = await makeKey(alg, kid);
    this.keys.push(key);
    return key;
  }

  /** A good access token, but for what is given; `undefined` takes a claim or header away. */
  token(
    key: ProviderKey,
    claims: Record<string, unknown> = {},
    header: Record<string, unknown> = {},
  ): Promise<string> {
    const now = Math.floor(Date.now() / 1000);
    const payload = {
      iss: this.issuer,
      aud: AUDIENCE,
      sub: 'a-client',
      iat: now,
      exp: now + 3600,
      scope: 'tracks:read',
    };
    return new SignJWT({ ...payload, ...claims })
      .setProtectedHeader({ alg: key.alg, typ: 'at+jwt', kid: key.kid, ...header })
      .sign(key.privateKey);
  }

  /** The settings that make the app trust this provider. */
  environment(): Record<string, string> {
    return { AUTH_JWT_ISSUER: this.issuer, AUTH_JWT_AUDIENCE: AUDIENCE, AUTH_JWKS_URL: this.jwksUrl };
  }
}

export async function makeKey(alg = 'RS256', kid = 'unpublished'): Promise<ProviderKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { kid, alg, privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

/** A token of any header and claims, with any signature. */
export function forge(header: unknown, claims: unknown, signature = ''): string {
  const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url');
  return `${encode(header)}.${encode(claims)}.${signature}`;
}
