import dns from 'node:dns';
import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { isIP, type LookupFunction } from 'node:net';
import type { IncomingMessage } from 'node:http';
import { mayCall, type NamedBy } from './jwt-provider-address';

/** Documents of real providers have 1 to 15 KiB. */
const MAX_BODY_BYTES = 64 * 1024;
const TIMEOUT_MS = 5_000;

export interface ProviderHttpOptions {
  /** Of the whole exchange. */
  readonly timeoutMs?: number;
  readonly lookup?: typeof dns.lookup;
}

/**
 * Fetches the provider's documents. The address a name stands for is checked as it is connected to, so that it
 * cannot change in between; a redirect is a failure; time and size have limits. What has no such limits of its own would follow
 * an address that the provider, or whoever speaks for it, puts before us, into our own network.
 */
export class ProviderHttp {
  constructor(private readonly options: ProviderHttpOptions = {}) {}

  /**
   * The JSON document at an address.
   * @throws Error whose message says what went wrong, and may be logged
   */
  async getJson(address: string, namedBy: NamedBy): Promise<unknown> {
    const url = new URL(address);
    const { timeoutMs = TIMEOUT_MS } = this.options;
    const deadline = AbortSignal.timeout(timeoutMs);
    try {
      const text = await readBody(await this.send(url, namedBy, deadline));
      return JSON.parse(text) as unknown;
    } catch (error) {
      if (deadline.aborted) throw new Error(`${url.host} did not answer within ${timeoutMs} ms`);
      if (error instanceof SyntaxError) throw new Error(`${url.host} sent no JSON`);
      throw error;
    }
  }

  private send(url: URL, namedBy: NamedBy, signal: AbortSignal): Promise<IncomingMessage> {
    const host = url.hostname.replace(/^\[|\]$/g, '');
    if (isIP(host) && !mayCall(host, namedBy)) throw refusal(url);
    const { lookup = dns.lookup } = this.options;
    const lookupAllowed: LookupFunction = (name, options, done) => {
      lookup(name, { ...options, all: true }, (error, found) => {
        if (error !== null) {
          done(error, []);
        } else if (found.length === 0 || !found.every(({ address }) => mayCall(address, namedBy))) {
          done(refusal(url), []);
        } else if (options.all === true) {
          done(null, found);
        } else {
          done(null, found[0]?.address ?? '', found[0]?.family);
        }
      });
    };
    return new Promise((resolve, reject) => {
      const send = url.protocol === 'https:' ? requestHttps : requestHttp;
      const headers = { accept: 'application/json', 'user-agent': 'deadwax' };
      // No agent: a connection of its own, so that none is kept open for minutes.
      send(url, { agent: false, headers, lookup: lookupAllowed, signal }, resolve)
        .once('error', reject)
        .end();
    });
  }
}

function refusal(url: URL): NodeJS.ErrnoException {
  return new Error(`${url.host} stands for an address that may not be called`);
}

async function readBody(response: IncomingMessage): Promise<string> {
  try {
    if (response.statusCode !== 200) throw new Error(`answered ${String(response.statusCode)}`);
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) throw new Error(`sent more than ${MAX_BODY_BYTES} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  } finally {
    response.destroy();
  }
}
