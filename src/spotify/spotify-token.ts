import { HttpService } from '@nestjs/axios';
import { Inject, Injectable } from '@nestjs/common';
import type { Readable } from 'node:stream';
import { Flights } from '../common/flights';
import { exchange } from './spotify-exchange';
import { failureOf, parseJson, SpotifyFaultError, SpotifyRateLimitError } from './spotify-failures';
import { SpotifyGate } from './spotify-gate';
import { readToken } from './spotify-responses';
import {
  SPOTIFY_CLOCK,
  SPOTIFY_SETTINGS,
  SPOTIFY_TICKS,
  type SpotifyClock,
  type SpotifySettings,
} from './spotify-settings';
import { SpotifyWatch } from './spotify-watch';

const HOST = "Spotify's accounts service";

/** A token is renewed this long before it expires, so that no call travels with one that dies on the way. */
const RENEW_EARLY_SECONDS = 60;

interface HeldToken {
  readonly text: string;
  readonly renewAtMs: number;
}

/** The access token of the Client Credentials flow: fetched when first needed, once for all who wait. */
@Injectable()
export class SpotifyToken {
  private last: HeldToken | null = null;
  private readonly flights = new Flights<string>();

  constructor(
    private readonly http: HttpService,
    private readonly gate: SpotifyGate,
    private readonly watch: SpotifyWatch,
    @Inject(SPOTIFY_SETTINGS) private readonly settings: SpotifySettings,
    @Inject(SPOTIFY_CLOCK) private readonly now: SpotifyClock,
    @Inject(SPOTIFY_TICKS) private readonly ticks: SpotifyClock,
  ) {}

  /** The token that is good for now, where there is one already. */
  get held(): string | null {
    return this.last !== null && this.ticks() < this.last.renewAtMs ? this.last.text : null;
  }

  /**
   * A token that is good for now; the fetch is given up when the last of those who wait has gone. A failure reaches all who wait for it and is then forgotten: the next caller asks anew.
   * @throws the reason of `caller` as soon as that one is aborted
   * @throws SourceError where Spotify refuses the credentials, or its answer cannot be used
   * @throws SourceUnavailableError on 429, 5xx and connection failures
   * @throws SourceTimeoutError where it takes longer than `timeoutMs`
   */
  async get(caller?: AbortSignal): Promise<string> {
    if (this.held !== null) return this.held;
    const fetch = (signal: AbortSignal) => this.watch.call(HOST, (mayGo) => this.fetch(mayGo, signal));
    return (await this.flights.join('token', fetch, caller)).result;
  }

  /** Forgets a token that was refused. The text tells it from a newer one, which late refusals of the old must not cost. */
  drop(refused: string): void {
    if (this.last?.text === refused) this.last = null;
  }

  private async fetch(mayGo: () => void, whenNobodyWaits: AbortSignal): Promise<string> {
    const { clientId, clientSecret, accountsUrl, timeoutMs } = this.settings;
    const askedAtMs = this.ticks();
    mayGo();
    const credentials = Buffer.from(`${clientId}:${clientSecret}`).toString('base64');
    const url = `${accountsUrl}/api/token`;
    const answer = await exchange(
      HOST,
      timeoutMs,
      (signal, traceHeaders) =>
        this.http.axiosRef.post<Readable>(url, 'grant_type=client_credentials', {
          signal,
          headers: {
            Authorization: `Basic ${credentials}`,
            'Content-Type': 'application/x-www-form-urlencoded',
            ...traceHeaders,
          },
        }),
      { method: 'POST', url, cancel: whenNobodyWaits },
    );
    // A wrong id or secret is told as 400 `invalid_client`; RFC 6749 allows 401 for it as well.
    if ([400, 401].includes(answer.status) && answer.body.includes('"invalid_client"')) {
      throw new SpotifyFaultError(
        'Spotify refuses the client credentials (SPOTIFY_CLIENT_ID, SPOTIFY_CLIENT_SECRET).',
      );
    }
    if (answer.status !== 200) {
      const failure = failureOf(HOST, answer, this.now());
      if (failure instanceof SpotifyRateLimitError) await this.gate.noteLimit(failure);
      throw failure;
    }

    const { text, expiresInSeconds } = readToken(parseJson(HOST, answer.body));
    // Of a short life the first half is used: counted from before the call, never beyond what was granted.
    const usableSeconds = Math.max(expiresInSeconds - RENEW_EARLY_SECONDS, expiresInSeconds / 2);
    this.last = { text, renewAtMs: askedAtMs + usableSeconds * 1000 };
    return text;
  }
}
