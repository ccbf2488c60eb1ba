import type { Settings } from '../config/settings';

/** What this folder is told by the configuration. */
export type SpotifySettings = NonNullable<Settings['spotify']>;

/** Injection token of the `SpotifySettings`. */
export const SPOTIFY_SETTINGS = Symbol('SPOTIFY_SETTINGS');

/** Milliseconds since 1970, as `Date.now` tells them. */
export type SpotifyClock = () => number;

/**
 * Injection token of the wall clock: for what processes share or people read. A cooldown has to end at the same moment
 * for every replica and after a restart, and a machine that slept has slept through part of it; a monotonic clock tells
 * neither. That it can be set is the budget's business (`atTime`).
 */
export const SPOTIFY_CLOCK = Symbol('SPOTIFY_CLOCK');

/**
 * Injection token of a clock that cannot be set, in milliseconds since some moment: for what lives and dies with this
 * process (deadlines, breakers, probes, the age of a token), so that a step of the wall clock neither closes a breaker for
 * hours nor lets a caller wait.
 */
export const SPOTIFY_TICKS = Symbol('SPOTIFY_TICKS');

/** Resolves after so many milliseconds of the clock; rejects with the signal's reason where that comes first. */
export type SpotifySleep = (ms: number, signal?: AbortSignal) => Promise<void>;

/** Injection token of the `SpotifySleep`. */
export const SPOTIFY_SLEEP = Symbol('SPOTIFY_SLEEP');

/** Injection token of a `Math.random`, for pauses that do not fall together. */
export const SPOTIFY_RANDOM = Symbol('SPOTIFY_RANDOM');
