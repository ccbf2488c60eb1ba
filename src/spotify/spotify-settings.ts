import type { Settings } from '../config/settings';

/** What this folder is told by the configuration. */
export type SpotifySettings = NonNullable<Settings['spotify']>;

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
