import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { HttpService } from '@nestjs/axios';
import { Inject, Injectable, Logger } from '@nestjs/common';
import type { AxiosRequestConfig } from 'axios';
import type { Readable } from 'node:stream';
import { SourceError, SourceUnavailableError } from '../recording/recording-source';
import { exchange } from './spotify-exchange';
import { failureOf, parseJson, type SpotifyAnswer, SpotifyRateLimitError } from './spotify-failures';
import { SPOTIFY_CLOCK, SPOTIFY_SETTINGS, type SpotifyClock, type SpotifySettings } from './spotify-settings';
import { SpotifyToken } from './spotify-token';

const HOST = 'Spotify';

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

/** One call of the Web API, and the one place that decides whether it may be sent now. */
@Injectable()
export class SpotifyHttp {
  private readonly logger = new Logger(SpotifyHttp.name);
  private blockedUntilMs = 0;

  constructor(
    private readonly http: HttpService,
    private readonly token: SpotifyToken,
    @Inject(SPOTIFY_SETTINGS) private readonly settings: SpotifySettings,
    @Inject(SPOTIFY_CLOCK) private readonly now: SpotifyClock,
  ) {}

  /**
   * GETs `path` (`/search`) and gives the parsed body, unchecked. After a 429 nothing is sent to either host until its
   * `Retry-After` is over: calls sent during a lockout are said to lengthen it (spotify-api.md 4.1).
   * @throws SourceUnavailableError on 429 and until it is over, on 5xx, and where the connection fails
   * @throws SourceTimeoutError where the call, or the one for its token, takes longer than `timeoutMs`
   * @throws SourceError on any other status, and on a body that is not JSON
   */
  async get(path: string, query: Readonly<Record<string, string>>): Promise<unknown> {
    const url = `${this.settings.apiUrl}${path}?${new URLSearchParams(query).toString()}`;
    try {
      const answer = await this.sendWithToken(url);
      if (answer.status !== 200) throw failureOf(HOST, answer, this.now());
      return parseJson(HOST, answer.body);
    } catch (error) {
      if (error instanceof SpotifyRateLimitError) this.block(error);
      throw error;
    }
  }

  /** A token can be revoked before its time: a 401 costs it, and the call is made once more with a new one. */
  private async sendWithToken(url: string): Promise<SpotifyAnswer> {
    this.refuseWhileBlocked();
    const first = await this.token.get();
    const answer = await this.send(url, first);
    if (answer.status !== 401) return answer;

    this.token.drop(first);
    this.refuseWhileBlocked();
    const again = await this.send(url, await this.token.get());
    if (again.status === 401)
      throw new SourceError('Spotify refuses an access token that it has just issued.');
    return again;
  }

  private async send(url: string, token: string): Promise<SpotifyAnswer> {
    // Asked anew: others may have met the limit while this call waited for its token.
    this.refuseWhileBlocked();
    return exchange(HOST, this.settings.timeoutMs, (signal) =>
      this.http.axiosRef.get<Readable>(url, { signal, headers: { Authorization: `Bearer ${token}` } }),
    );
  }

  private block({ waitSeconds, message }: SpotifyRateLimitError): void {
    const untilMs = this.now() + waitSeconds * 1000;
    if (untilMs <= this.blockedUntilMs) return;
    this.blockedUntilMs = untilMs;
    this.logger.warn(`${message} Until ${new Date(untilMs).toISOString()} (${waitSeconds} s).`);
  }

  private refuseWhileBlocked(): void {
    const leftMs = this.blockedUntilMs - this.now();
    if (leftMs <= 0) return;
    throw new SourceUnavailableError(
      'Spotify asked this service to wait. Nothing is sent before the time is over.',
      Math.ceil(leftMs / 1000),
    );
  }
}
