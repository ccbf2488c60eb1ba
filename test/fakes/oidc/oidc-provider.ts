import { exportJWK, generateKeyPair, type JWK } from 'jose';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { SCOPES } from '../../../src/auth/scopes';

const CLIENT = { id: 'royalty-team', secret: 'a-secret-of-the-royalty-team' };
export const OIDC_AUDIENCE = 'https://deadwax.example';
const START_MS = 30_000;

/** A real OpenID provider on loopback. */
export class OidcProvider {
  issuer = '';
  private child: ChildProcess | null = null;

  private constructor(private keys: JWK[]) {}

  static async start(): Promise<OidcProvider> {
    const provider = new OidcProvider([await signingKey('first')]);
    await provider.start();
    return provider;
  }

  /** On the port that it had, with the keys that it has. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, [join(__dirname, 'provider.mjs')], {
      env: { PATH: process.env['PATH'] ?? '' },
      stdio: ['pipe', 'pipe', 'pipe', 'ipc'],
    });
    this.child = child;
    let output = '';
    const ready = new Promise<string>((resolve, reject) => {
      const fail = () => {
        reject(new Error(`oidc-provider did not start: ${output}`));
      };
      const timer = setTimeout(fail, START_MS);
      const read = (part: Buffer) => {
        output += part.toString();
        const [, issuer] = /^ready (\S+)$/m.exec(output) ?? [];
        if (issuer === undefined) return;
        clearTimeout(timer);
        resolve(issuer);
      };
      child.stdout?.on('data', read);
      child.stderr?.on('data', read);
      child.once('exit', fail);
    });
    const port = this.issuer === '' ? 0 : Number(new URL(this.issuer).port);
    const settings = {
      port,
      client: CLIENT,
      audience: OIDC_AUDIENCE,
      scope: SCOPES.join(' '),
      keys: this.keys,
    };
    child.stdin?.end(JSON.stringify(settings));
    this.issuer = await ready;
  }

  async stop(): Promise<void> {
    const { child } = this;
    this.child = null;
    if (child === null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  /** Starts again with a new key, which signs from now on; the old ones go. */
  async rotateKeys(kid: string): Promise<void> {
    await this.stop();
    this.keys = [await signingKey(kid)];
    await this.start();
  }

  /** An access token by client credentials, fetched as a client does. */
  async token(scope: string): Promise<string> {
    const response = await fetch(`${this.issuer}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(`${CLIENT.id}:${CLIENT.secret}`).toString('base64')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', scope, resource: OIDC_AUDIENCE }),
    });
    const body = (await response.json()) as { access_token?: string };
    if (body.access_token === undefined) throw new Error(`no token: ${JSON.stringify(body)}`);
    return body.access_token;
  }
}

async function signingKey(kid: string): Promise<JWK> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  return { ...(await exportJWK(privateKey)), kid, alg: 'RS256', use: 'sig' };
}
