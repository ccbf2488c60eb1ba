import { SourceError, SourceTimeoutError, SourceUnavailableError } from '../recording/recording-source';
import { LONGEST_WAIT_SECONDS, parseRetryAfter, rateLimitSeconds } from './retry-after';

/** An answer of either Spotify host, as it came. */
export interface SpotifyAnswer {
  readonly status: number;
  /** `Retry-After` as sent; undefined where it was not. */
  readonly retryAfter: unknown;
  /** `ETag` as sent; undefined where it was not. */
  readonly etag: unknown;
  readonly body: string;
}

/** Which of the two hosts a failure is about, as the error texts name it. */
export type SpotifyHost = 'Spotify' | "Spotify's accounts service";

/** Outages come in bursts of minutes (spotify-api.md 4.2), single failures heal at once; told to callers. */
const OUTAGE_SECONDS = 5;

/** A host that fails where another try may go well: 5xx, or a connection that could not be made or broke. */
export class SpotifyOutageError extends SourceUnavailableError {
  constructor(
    detail: string,
    cause: unknown,
    /** As its `Retry-After` said; 0 where it said nothing. */
    readonly toldSeconds = 0,
  ) {
    super(detail, Math.max(toldSeconds, OUTAGE_SECONDS), cause);
  }
}

/** What no waiting mends and every call meets: refused credentials, a lapsed subscription, a certificate that fails. */
export class SpotifyFaultError extends SourceError {}

/** A 403 that does not say why: of one call that this application may not make, or of every call. */
export class SpotifyForbiddenError extends SourceError {}

/** Spotify sent a 429: nothing may be sent until the seconds told are over. */
export class SpotifyRateLimitError extends SourceUnavailableError {
  constructor(
    host: SpotifyHost,
    readonly waitSeconds: number,
    /** True where the account's quota is spent, and not just the rolling window of 30 s. */
    readonly isQuota: boolean,
    /** True where it asked for more than a day, which is not believed. */
    readonly isAbsurd: boolean,
  ) {
    const what = isQuota ? 'The quota of this application' : 'The rate limit';
    super(`${what} at ${host} is used up. Nothing is sent before it comes back.`, waitSeconds);
  }
}

/**
 * The error for an answer whose status is not 200. Spotify's own words go into the cause alone, which is for the log.
 * What a status means to the caller of one host only (401, `invalid_client`) is decided there.
 */
export function failureOf(host: SpotifyHost, answer: SpotifyAnswer, nowMs: number): Error {
  const { status } = answer;
  if (status === 429) {
    const isQuota = answer.body.includes('QUOTA_EXCEEDED');
    const isAbsurd = (parseRetryAfter(answer.retryAfter, nowMs) ?? 0) > LONGEST_WAIT_SECONDS;
    const waitSeconds = rateLimitSeconds(answer.retryAfter, isQuota, nowMs);
    return new SpotifyRateLimitError(host, waitSeconds, isQuota, isAbsurd);
  }
  const cause = new Error(`${host} answered ${status}: ${messageOf(answer.body)}`);
  if (status >= 500) {
    const told = Math.min(parseRetryAfter(answer.retryAfter, nowMs) ?? 0, LONGEST_WAIT_SECONDS);
    return new SpotifyOutageError(`${host} has an outage (status ${status}).`, cause, told);
  }
  if (status === 403 && isLapsed(answer)) {
    return new SpotifyFaultError(
      `${host} refuses this application (status 403): the Premium subscription of its owner has lapsed.`,
      cause,
    );
  }
  if (status === 403) return new SpotifyForbiddenError(`${host} refuses this call (status 403).`, cause);
  return new SourceError(`${host} answered with the unexpected status ${status}.`, cause);
}

/** Whether a 403 says that the owner of the application has no Premium (spotify-api.md 4.3), as JSON or as text. */
export function isLapsed({ body }: SpotifyAnswer): boolean {
  return /premium subscription/i.test(body);
}

/**
 * The error for a call that brought no whole answer. `error` may be an AxiosError, which carries the request with its
 * credentials: only its code and message survive, in a new cause.
 */
export function transportFailure(host: SpotifyHost, error: unknown): Error {
  const cause = safeCause(error);
  if (/^Z_|^ERR_ZLIB|^HPE_/.test(cause.code))
    return new SourceError(`${host} sent an answer that cannot be read.`, cause);
  // A certificate that fails its check stays so until somebody acts: no outage to wait for, and maybe no Spotify.
  if (/CERT|^ERR_SSL|^ERR_TLS|^EPROTO$|^UNABLE_TO_/.test(cause.code)) {
    return new SpotifyFaultError(`${host} could not prove that it is Spotify (TLS: ${cause.code}).`, cause);
  }
  return new SpotifyOutageError(`${host} cannot be reached, or broke the connection.`, cause);
}

/** The error for a call that took longer than it may. */
export function timeoutFailure(host: SpotifyHost, timeoutMs: number): Error {
  return new SourceTimeoutError(`${host} did not answer within ${timeoutMs} ms.`);
}

/** The parsed body. The parser's own error quotes the body, which can hold a token: it goes nowhere. */
export function parseJson(host: SpotifyHost, body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    const what = body.trim() === '' ? 'an empty answer' : 'an answer that is not JSON';
    throw new SourceError(
      `${host} sent ${what}.`,
      new Error(`status 200 with ${body.length} characters, not JSON`),
    );
  }
}

function safeCause(error: unknown): Error & { readonly code: string } {
  const { code, message } = error as { code?: unknown; message?: unknown };
  const codeText = typeof code === 'string' ? code : 'UNKNOWN';
  const text = typeof message === 'string' ? message.replaceAll(/\/\/[^/\s]*@/g, '//') : '';
  return Object.assign(new Error(`${codeText}: ${text}`), { code: codeText });
}

/** What Spotify says went wrong, cut, and without anything long enough to be a token, secret or id. */
function messageOf(body: string): string {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    return 'no JSON';
  }
  const { error, error_description: description } = (parsed ?? {}) as {
    error?: unknown;
    error_description?: unknown;
  };
  const message = (error as { message?: unknown } | null | undefined)?.message;
  const said = [message, error, description].filter((text) => typeof text === 'string').join(', ');
  return said
    .slice(0, 300)
    .replaceAll(/[\w+/=.~-]{16,}/g, '[cut]')
    .replaceAll(/\p{Cc}/gu, ' ');
}
