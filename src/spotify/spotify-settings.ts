/** What this folder is told by the configuration. */
export interface SpotifySettings {
  readonly clientId: string;
  readonly clientSecret: string;
  /** Base of the Web API (`https://host/v1`), without a closing slash. */
  readonly apiUrl: string;
  /** Base of the accounts service (`https://host`), without a closing slash; tokens come from `/api/token` below it. */
  readonly accountsUrl: string;
  /** ISO 3166-1 alpha-2 countries to ask in, in order, when a search without one finds nothing. */
  readonly markets: readonly string[];
  /** Result pages read for one search at most. */
  readonly maxPages: number;
  /** Calls in any 30 s that we allow ourselves, whatever Spotify bears; 0 is no limit of our own. */
  readonly requestsPer30s: number;
  /** Calls in any 24 h; 0 is no limit of our own. */
  readonly requestsPerDay: number;
  /** Milliseconds that one call may take, from the first byte sent to the last one read. */
  readonly timeoutMs: number;
}

/** Injection token of the `SpotifySettings`. */
export const SPOTIFY_SETTINGS = Symbol('SPOTIFY_SETTINGS');

/** Milliseconds since 1970, as `Date.now` tells them. */
export type SpotifyClock = () => number;

/** Injection token of the clock by which tokens expire and cooldowns end. */
export const SPOTIFY_CLOCK = Symbol('SPOTIFY_CLOCK');

/** Resolves after so many milliseconds of the clock; rejects with the signal's reason where that comes first. */
export type SpotifySleep = (ms: number, signal?: AbortSignal) => Promise<void>;

/** Injection token of the `SpotifySleep`. */
export const SPOTIFY_SLEEP = Symbol('SPOTIFY_SLEEP');

/** Injection token of a `Math.random`, for pauses that do not fall together. */
export const SPOTIFY_RANDOM = Symbol('SPOTIFY_RANDOM');
