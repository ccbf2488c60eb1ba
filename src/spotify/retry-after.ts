/** Spotify's rate limit counts calls in a rolling window of this many seconds, so a full window is a safe wait. */
const RATE_WINDOW_SECONDS = 30;

/** A spent quota comes back within hours and without notice; once an hour is a probe and not a flood. */
const QUOTA_SECONDS = 3600;

/** No lockout on record says more than a day, and none should outlive a bad header. */
export const LONGEST_WAIT_SECONDS = 86_400;

const SHORTEST_WAIT_SECONDS = 1;

/**
 * Reads a `Retry-After` header (RFC 9110, 10.2.3): seconds, or an HTTP date in the preferred form, counted from
 * `nowMs`. Null where it is missing or neither of the two. 0 or a date gone by gives 0.
 */
export function parseRetryAfter(header: unknown, nowMs: number): number | null {
  if (typeof header !== 'string') return null;
  const text = header.trim();
  if (/^\d+(\.\d+)?$/.test(text)) return Math.ceil(Number(text));
  if (!/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(text)) return null;
  const dateMs = Date.parse(text);
  return Number.isNaN(dateMs) ? null : Math.max(0, Math.ceil((dateMs - nowMs) / 1000));
}

/**
 * Seconds to send nothing after a 429. A usable header is obeyed, at least one second and at most a day; 0 says
 * "now" and is met with one second, so that it never becomes a hot loop. Without one: 30 s, and an hour where the
 * quota is spent, for which 0 counts as no answer too.
 */
export function rateLimitSeconds(header: unknown, isQuota: boolean, nowMs: number): number {
  const told = parseRetryAfter(header, nowMs);
  if (told === null || (isQuota && told === 0)) return isQuota ? QUOTA_SECONDS : RATE_WINDOW_SECONDS;
  return Math.min(Math.max(told, SHORTEST_WAIT_SECONDS), LONGEST_WAIT_SECONDS);
}
