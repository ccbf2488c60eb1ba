import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { HttpService } from '@nestjs/axios';
import { Inject, Injectable } from '@nestjs/common';
import type { AxiosRequestConfig } from 'axios';
import { LRUCache } from 'lru-cache';
import type { Readable } from 'node:stream';
import { SourceError } from '../recording/recording-source';
import { RetryBudget } from './retry-budget';
import { SpotifyCounters } from './spotify-counters';
import { exchange } from './spotify-exchange';
import { failureOf, isLapsed, parseJson, type SpotifyAnswer, SpotifyOutageError } from './spotify-failures';
import { type SpotifyAsk, SpotifyGate } from './spotify-gate';
import { SPOTIFY_CLOCK, SPOTIFY_SETTINGS, type SpotifyClock, type SpotifySettings } from './spotify-settings';
import { SpotifyToken } from './spotify-token';
import { SpotifyWatch } from './spotify-watch';

const HOST = 'Spotify';

const MAX_TRIES = 3;

/** The longest pause before the second try; twice as long before the third (spotify-api.md 4.2). */
const FIRST_PAUSE_MS = 500;

/** Bounds of what is kept to ask "changed since?": a search page of ten tracks has 10 to 50 KiB. */
const MOST_VALIDATED = 1000;
const MOST_VALIDATED_BYTES = 16 * 1024 * 1024;
const MOST_BYTES_A_BODY = 256 * 1024;

/** An answer that carried a validator. */
interface ValidatedAnswer {
  readonly etag: string;
  readonly parsed: object;
  readonly bytes: number;
}

/** What comes of a call that this application may not make. */
export const REFUSED = Symbol('REFUSED');

type Query = Readonly<Record<string, string>>;

interface How {
  readonly ask: SpotifyAsk;
  readonly mayBeRefused: boolean;
}

/** It goes back in a header as it came. */
const ETAG = /^(W\/)?"[\x21\x23-\x7e]{0,200}"$/;

/** A token was refused that looked good: it was revoked. */
class TokenRefusedError extends SourceError {
  constructor() {
    super('Spotify refuses an access token that it has just issued.', new Error('status 401'));
  }
}

/** How both hosts are called: bodies as streams that `exchange` reads, every status an answer, nobody in between. */
export function spotifyHttpOptions(): AxiosRequestConfig {
  // An idle socket is dropped after 30 s, before a router on the way forgets it silently.
  const sockets = { keepAlive: true, maxSockets: 50, maxFreeSockets: 10, timeout: 30_000 };
  return {
    httpAgent: new HttpAgent(sockets),
    httpsAgent: new HttpsAgent(sockets),
    // A proxy is named by SPOTIFY_API_URL, not by a variable of the machine; a redirect would carry the token away.
    proxy: false,
    maxRedirects: 0,
    responseType: 'stream',
    validateStatus: () => true,
    headers: { Accept: 'application/json', 'Accept-Encoding': 'gzip', 'User-Agent': 'deadwax' },
  };
}

/** Calls of the Web API, and the one layer that tries again. */
@Injectable()
export class SpotifyHttp {
  private readonly retries = new RetryBudget();
  /** Answers by their URL: one that has not changed is not sent and not parsed again. Lost at a restart, at no harm. */
  private readonly answers = new LRUCache<string, ValidatedAnswer>({
    max: MOST_VALIDATED,
    maxSize: MOST_VALIDATED_BYTES,
    maxEntrySize: MOST_BYTES_A_BODY,
    sizeCalculation: ({ bytes }) => bytes,
  });

  constructor(
    private readonly http: HttpService,
    private readonly token: SpotifyToken,
    private readonly gate: SpotifyGate,
    private readonly watch: SpotifyWatch,
    private readonly counters: SpotifyCounters,
    @Inject(SPOTIFY_SETTINGS) private readonly settings: SpotifySettings,
    @Inject(SPOTIFY_CLOCK) private readonly now: SpotifyClock,
  ) {}

  /**
   * GETs `path` (`/search`) and gives the parsed body, unchecked. Each try is paid from the budget. Outages are tried
   * again with full jitter; a call that timed out is not: it has cost its caller the patience, and the quota a call.
   * An answer that has not changed since the last one of this process costs a call like any other, but no body.
   * @throws SourceUnavailableError where it may not be sent in time, on 429, and on 5xx and connections that fail
   * @throws SourceTimeoutError where the call, or the one for its token, takes longer than `timeoutMs`
   * @throws SourceError on any other status, on a body that is not JSON, and while a configuration fault stands
   */
  async get(path: string, query: Query, ask: SpotifyAsk): Promise<unknown> {
    return this.request(path, query, { ask, mayBeRefused: false });
  }

  /** As `get`, for an endpoint that not every application may call: `REFUSED` where it answers 403 or 404. */
  async getIfAllowed(path: string, query: Query, ask: SpotifyAsk): Promise<unknown> {
    return this.request(path, query, { ask, mayBeRefused: true });
  }

  private async request(path: string, query: Query, how: How): Promise<unknown> {
    const { ask } = how;
    const url = `${this.settings.apiUrl}${path}?${new URLSearchParams(query).toString()}`;
    for (let tries = 1; ; tries += 1) {
      try {
        const body = await this.getOnce(url, how);
        if (tries === 1) this.retries.payIn();
        return body;
      } catch (error) {
        if (!(error instanceof SpotifyOutageError)) throw error;
        // Only calls that were made pay in: those refused in an outage must not pay for a storm at its end.
        if (tries === 1) this.retries.payIn();
        if (tries >= MAX_TRIES || !this.retries.take()) throw error;
        const pause = { mostMs: FIRST_PAUSE_MS * 2 ** (tries - 1), leastMs: error.toldSeconds * 1000 };
        if (!(await this.gate.pause(pause, ask))) throw error;
        this.counters.countRetry();
      }
    }
  }

  /** A token can be revoked before its time: a 401 costs it, and the call is made once more with a new one. */
  private async getOnce(url: string, how: How): Promise<unknown> {
    this.watch.admit();
    const first = await this.getToken(how.ask);
    try {
      return await this.send(url, first, how);
    } catch (error) {
      if (!(error instanceof TokenRefusedError)) throw error;
      this.token.drop(first);
      return this.send(url, await this.getToken(how.ask), how);
    }
  }

  private async getToken(ask: SpotifyAsk): Promise<string> {
    const { held } = this.token;
    if (held !== null) return held;
    await this.gate.waitOutCooldown(ask);
    return this.token.get(ask.signal);
  }

  private send(url: string, token: string, { ask, mayBeRefused }: How): Promise<unknown> {
    const known = this.answers.get(url);
    const headers = {
      Authorization: `Bearer ${token}`,
      ...(known === undefined ? {} : { 'If-None-Match': known.etag }),
    };
    return this.watch.call(HOST, async (mayGo) => {
      const answer = await this.gate.spend(ask, () => {
        mayGo();
        return exchange(
          HOST,
          this.settings.timeoutMs,
          (signal, traceHeaders) =>
            this.http.axiosRef.get<Readable>(url, { signal, headers: { ...headers, ...traceHeaders } }),
          { method: 'GET', url, cancel: ask.signal },
        );
      });
      if (answer.status === 401) throw new TokenRefusedError();
      if (answer.status === 304 && known !== undefined) {
        this.counters.countNotModified();
        return known.parsed;
      }
      if (mayBeRefused && [403, 404].includes(answer.status) && !isLapsed(answer)) return REFUSED;
      if (answer.status !== 200) throw failureOf(HOST, answer, this.now());
      return this.read(url, answer);
    });
  }

  private read(url: string, { body, etag }: SpotifyAnswer): unknown {
    const parsed = parseJson(HOST, body);
    this.answers.delete(url);
    if (typeof etag === 'string' && ETAG.test(etag) && typeof parsed === 'object' && parsed !== null)
      this.answers.set(url, { etag, parsed, bytes: body.length });
    return parsed;
  }
}
