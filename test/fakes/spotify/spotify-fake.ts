import { IsrcMatching } from './catalogue';
import { FakeServer } from './fake-server';
import { FakeTrack } from './fake-track';
import { Fault, FaultAim } from './faults';
import { BanScope, RateLimits } from './rate-window';
import { RateLimitBody } from './spotify-errors';
import { SpotifyMode } from './spotify-mode';
import { SpotifyFakeStats } from './stats';

/** How a stand-in behaves from its start; most can be changed while it runs. */
export interface SpotifyFakeOptions {
  /** Default `dev`. */
  mode?: SpotifyMode;
  /** Tokens, latency and the `total` bug follow from it; default 1. */
  seed?: number;
  clientId?: string;
  clientSecret?: string;
  /** Life of a token, default 3600 (spotify-api.md 1). */
  tokenSeconds?: number;
  /**
   * Share of queries answered with `total` 0, `next` null and items intact (spotify-api.md 2.2); default 0.3 in dev mode,
   * 0 in extended. A query has the bug always or never within one seed.
   */
  totalBugProbability?: number;
  /** Share of API calls answered with 502; Spotify calls 0.001 normal (spotify-api.md 4.2), default 0. */
  badGatewayProbability?: number;
  /** Milliseconds from, to; default none. */
  latencyMs?: [number, number];
  /** The clock of tokens, windows, quotas and dates, in milliseconds; waiting stays in real time. */
  now?: () => number;
  /** API calls per rolling 30 s, default 0: no limit. See REALISTIC_LIMITS. */
  windowLimit?: number;
  /** Whether refused calls count and shut the window for 30 s; default false: `Retry-After` says when there is room. */
  isWindowStrict?: boolean;
  /** Searches per rolling 24 h, default 0: no limit. */
  dayQuota?: number;
  /** Calls per rolling 24 h to each other endpoint, default 0: no limit. */
  otherDayQuota?: number;
  /** Default empty; `sampleCatalogue()` has real ISRCs and every oddity of spotify-api.md 7. */
  catalogue?: FakeTrack[];
  /** How `isrc:` compares spellings (spotify-api.md 2.5: unknown); default `normalised`. */
  isrcMatching?: IsrcMatching;
  /** Whether the owner of the app has Premium, default true. */
  premium?: boolean;
  /** Where links in answers point, default `apiUrl`. */
  linkUrl?: string;
}

/** A running stand-in for accounts.spotify.com and api.spotify.com (spotify-api.md 7). */
export interface SpotifyFake {
  /** `http://127.0.0.1:PORT/v1` */
  readonly apiUrl: string;
  /** `http://127.0.0.1:PORT`; the token endpoint is `/api/token` below it. */
  readonly accountsUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** One live object; also at `GET /__admin/stats`. */
  readonly stats: SpotifyFakeStats;
  resetStats(): void;

  /** A track of a known id replaces the old one. */
  addTracks(...tracks: FakeTrack[]): void;
  removeIsrc(isrc: string): void;
  /** Blanks the tracks of an ISRC (spotify-api.md 2.6). */
  tombstone(isrc: string): void;
  /** The next `times` searches for the ISRC find nothing. */
  flap(isrc: string, times: number): void;
  /** No search finds the ISRC, its tracks answer by id. */
  neverIndex(isrc: string): void;
  /**
   * Serves a file of fixtures/ unchanged: for searches of an ISRC, or for a path such as `/tracks/ID` when the target
   * starts with a slash. Throws for an unknown name.
   */
  serveRecorded(isrcOrPath: string, fixtureName: string): void;

  /** The next `times` calls get the fault; aim `api` (any API call) unless told, `token` for `invalid-client`. */
  failNext(fault: Fault, times?: number, aim?: FaultAim): void;
  /** Until cleared with null; null without an aim clears all standing faults. */
  setFault(fault: Fault | null, aim?: FaultAim): void;
  /** Drops planned and standing faults. */
  clearFaults(): void;

  revokeAllTokens(): void;
  setPremium(active: boolean, as?: 'json' | 'text'): void;
  setLatency(range: [number, number] | null): void;
  setMode(mode: SpotifyMode): void;
  setTotalBugProbability(probability: number): void;
  setLimits(limits: Partial<RateLimits>): void;
  /** Refuses calls with 429 for so long; each call meanwhile lengthens the ban by a tenth (spotify-api.md 7). */
  ban(seconds: number, scope?: BanScope, body?: RateLimitBody): void;
  /** Forgets bans and the calls that were counted toward window and quotas. */
  liftBans(): void;
  /** All API calls wait until the function returned is called; the token endpoint does not. */
  hold(): () => void;
  /** Closes the port and every connection. */
  stop(): Promise<void>;
}

/** Starts a stand-in on a free port of 127.0.0.1. */
export async function startSpotifyFake(options: SpotifyFakeOptions = {}): Promise<SpotifyFake> {
  const server = new FakeServer(options);
  await server.start();
  return server;
}
