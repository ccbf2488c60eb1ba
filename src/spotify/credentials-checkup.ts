import { z } from 'zod';
import { type Finding, Findings, reasonOf } from '../common/finding';
import type { SpotifySettings } from './spotify-settings';

const PATIENCE_MS = 10_000;
/** Tokens of an identity provider are judged with a minute of skew. */
const CLOCK_SLACK_MS = 5_000;
const MAX_CLOCK_SKEW_MS = 60_000;

const granted = z.object({ expires_in: z.number() });

/**
 * Asks Spotify for a token, which costs nothing of any quota, and holds the clock against the `Date` of the answer. No search
 * is made. A client of its own: the service's has budgets and breakers that would hide what is to be found.
 */
export async function examineCredentials(settings: SpotifySettings): Promise<Finding[]> {
  const findings = new Findings('credentials');
  const url = `${settings.accountsUrl}/api/token`;
  const { host, protocol, hostname } = new URL(url);
  if (protocol === 'http:' && !/^(localhost|127\.|\[::1\])/.test(hostname))
    findings.warn(`the secret travels to ${host} without TLS`, 'let SPOTIFY_ACCOUNTS_URL begin with https.');
  let answer: Response;
  try {
    answer = await fetch(url, {
      method: 'POST',
      redirect: 'manual',
      signal: AbortSignal.timeout(Math.min(settings.timeoutMs, PATIENCE_MS)),
      headers: {
        authorization: `Basic ${Buffer.from(`${settings.clientId}:${settings.clientSecret}`).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: 'grant_type=client_credentials',
    });
  } catch (error) {
    findings.fail(
      `${host} cannot be asked: ${reasonOf(error)}`,
      'let this machine reach it by https: name service, firewall, NODE_EXTRA_CA_CERTS for an authority of your own.',
    );
    return findings.all;
  }
  const text = (await answer.text().catch(() => '')).slice(0, 10_000);
  if (answer.status === 200 && granted.safeParse(jsonOf(text)).success)
    findings.ok(`${host} takes the client id and secret`);
  else if ([400, 401].includes(answer.status) && text.includes('invalid_client'))
    findings.fail(
      `${host} refuses the client id and secret`,
      'copy SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET anew from the dashboard at developer.spotify.com; the secret may have been rotated.',
    );
  else if (answer.status === 429)
    findings.warn(
      `${host} asks for patience (429)`,
      'too many tokens were asked for: try again in some minutes.',
    );
  else
    findings.fail(
      `${host} answered ${answer.status}, and no token`,
      'check SPOTIFY_ACCOUNTS_URL; above 500 it is a fault of theirs: try again later.',
    );
  return [...findings.all, ...examineClock(answer.headers.get('date'), host)];
}

function examineClock(date: string | null, host: string): Finding[] {
  const theirMs = Date.parse(date ?? '');
  if (Number.isNaN(theirMs)) return [];
  const findings = new Findings('clock');
  // A `Date` has whole seconds: on average it is half a second behind.
  const aheadMs = Date.now() - (theirMs + 500);
  const advice = 'set it by NTP (timedatectl set-ntp true): tokens, leases and budgets go by it.';
  const message = `this machine's clock is ${(Math.abs(aheadMs) / 1000).toFixed(0)} s ${aheadMs > 0 ? 'ahead of' : 'behind'} that of ${host}`;
  if (Math.abs(aheadMs) > MAX_CLOCK_SKEW_MS) findings.fail(message, advice);
  else if (Math.abs(aheadMs) > CLOCK_SLACK_MS) findings.warn(message, advice);
  else findings.ok(`the clock agrees with ${host}`);
  return findings.all;
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
