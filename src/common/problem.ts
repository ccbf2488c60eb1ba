import { HttpException } from '@nestjs/common';
import { AppError, type FieldFault } from './app-error';
import { judgeDatabaseError } from './database-error';
import { PROBLEMS, type ProblemSlug } from './problem-catalogue';

/** An RFC 9457 problem as sent: `application/problem+json`. */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  /** Path of the request, without its query. */
  readonly instance: string;
  readonly requestId: string;
  readonly errors?: readonly FieldFault[];
}

export const PROBLEM_MEDIA_TYPE = 'application/problem+json; charset=utf-8';

/** A caller who waits this long usually finds the database back: a restart or a failover takes seconds. */
const DATABASE_RETRY_AFTER_SECONDS = 2;

/** Statuses of the framework and the HTTP parser, as problems. */
const SLUG_BY_STATUS: Readonly<Record<number, ProblemSlug>> = {
  400: 'invalid-request',
  403: 'not-found', // a file outside of the served folder: nothing there is said to exist
  404: 'not-found',
  405: 'method-not-allowed',
  406: 'not-acceptable',
  408: 'request-timeout',
  413: 'payload-too-large',
  414: 'uri-too-long',
  415: 'unsupported-media-type',
  431: 'header-fields-too-large',
  503: 'shutting-down',
};

/** What callers are told of refusals by the framework: in our words, since its own repeat input or name internals. */
const DETAILS: Partial<Record<ProblemSlug, string>> = {
  'invalid-request': 'The request is malformed.',
  'not-found': 'There is no such route or resource.',
  'payload-too-large': 'The request body is larger than this path accepts.',
  'unsupported-media-type': 'The body must be JSON: Content-Type application/json, UTF-8.',
  'shutting-down': 'This replica is stopping. Send the call again.',
  internal: 'The service failed unexpectedly. Report the requestId.',
};

/** Turns any thrown value into an error of the catalogue; what nobody foresaw becomes `internal`. */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const status = statusOf(error);
  const slug = status === undefined ? undefined : SLUG_BY_STATUS[status];
  if (slug !== undefined)
    return new AppError(slug, DETAILS[slug] ?? PROBLEMS[slug].explanation, { cause: error });
  if (['unavailable', 'retry'].includes(judgeDatabaseError(error))) {
    return new AppError('database-unavailable', 'The database does not answer at the moment.', {
      retryAfterSeconds: DATABASE_RETRY_AFTER_SECONDS,
      cause: error,
    });
  }
  return new AppError('internal', DETAILS.internal ?? '', { cause: error });
}

function statusOf(error: unknown): number | undefined {
  if (error instanceof HttpException) return error.getStatus();
  // Fastify's own errors; a driver's error never has both.
  const { statusCode, code } = (error ?? {}) as { statusCode?: unknown; code?: unknown };
  if (typeof statusCode !== 'number' || typeof code !== 'string' || !code.startsWith('FST_')) {
    return error instanceof SyntaxError && statusCode === 400 ? 400 : undefined;
  }
  return statusCode;
}

/** The answer to a failed request: status, headers and body. */
export function describeProblem(
  error: AppError,
  request: { readonly id: string; readonly url: string },
): { status: number; headers: Record<string, string>; body: ProblemBody } {
  const { status, title } = PROBLEMS[error.slug];
  return {
    status,
    headers: {
      'content-type': PROBLEM_MEDIA_TYPE,
      'cache-control': 'no-store',
      ...error.headers,
      ...(error.retryAfterSeconds === undefined
        ? {}
        : { 'retry-after': String(Math.max(1, Math.ceil(error.retryAfterSeconds))) }),
    },
    body: {
      type: `/problems/${error.slug}`,
      title,
      status,
      detail: error.message,
      instance: pathOf(request.url),
      requestId: request.id,
      ...(status === 400 ? { errors: error.fields } : {}),
    },
  };
}

/** The path of a request target: its query may hold what must not be repeated or logged. */
export function pathOf(url: string): string {
  return url.split(/[?#]/, 1)[0]?.slice(0, 500) ?? '';
}
