import { SpotifyFake } from './spotify-fake';

/** An answer with its body read: `json` is undefined where the body is none. */
export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  json: unknown;
}

/** Sends a request and reads the whole answer; redirects are shown, not followed. */
export async function call(url: string, init: RequestInit = {}): Promise<Answer> {
  const response = await fetch(url, { redirect: 'manual', ...init });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: parse(text) };
}

/** Asks the token endpoint as spotify-api.md 1 says, or with other headers and another body. */
export async function askToken(
  fake: SpotifyFake,
  headers: Record<string, string> = { authorization: basic(fake.clientId, fake.clientSecret) },
  body: string | URLSearchParams = new URLSearchParams({ grant_type: 'client_credentials' }),
): Promise<Answer> {
  return call(`${fake.accountsUrl}/api/token`, { method: 'POST', headers, body });
}

/** The Basic credentials of a client. */
export function basic(id: string, secret: string): string {
  return `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
}

/** A caller of the API host that took one token: `(pathAndQuery, headers)`. */
export async function signedIn(
  fake: SpotifyFake,
): Promise<(pathAndQuery: string, headers?: Record<string, string>) => Promise<Answer>> {
  const { json } = await askToken(fake);
  const { access_token: token } = json as { access_token: string };
  return (pathAndQuery, headers = {}) =>
    call(`${fake.apiUrl}${pathAndQuery}`, { headers: { authorization: `Bearer ${token}`, ...headers } });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
