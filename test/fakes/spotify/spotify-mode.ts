/** What an app may do: development mode since March 2026, or extended quota (spotify-api.md 0). */
export type SpotifyMode = 'dev' | 'extended';

/** The limits that spotify-api.md section 7 gives for a realistic run; tests start without any. */
export const REALISTIC_LIMITS = {
  dev: { windowLimit: 30, dayQuota: 900, otherDayQuota: 600 },
  extended: { windowLimit: 300, dayQuota: 0, otherDayQuota: 0 },
} as const satisfies Record<SpotifyMode, object>;

/** Page sizes of search: 1-10, default 5, or 1-50, default 20 (spotify-api.md 2.1). */
export const SEARCH_LIMITS = {
  dev: { most: 10, preset: 5 },
  extended: { most: 50, preset: 20 },
} as const satisfies Record<SpotifyMode, object>;
