import { Reply } from './http-reply';

const JSON_TYPE = 'application/json; charset=utf-8';

/** The answer of a lapsed Premium, word for word (spotify-api.md 4.3). */
export const PREMIUM_REQUIRED =
  'Active premium subscription required for the owner of the app. When the subscription status changes, it can take a ' +
  'few hours before requests are allowed again.';

/** An error in the Web API's shape, `{"error":{"status","message","reason"?}}` (spotify-api.md 4.3). */
export function apiError(
  status: number,
  message: string,
  headers: Record<string, string> = {},
  reason?: string,
): Reply {
  const error = reason === undefined ? { status, message } : { status, message, reason };
  // Errors are private and carry no ETag [recorded, 4.4].
  const always = { 'cache-control': 'private, max-age=0', 'content-type': JSON_TYPE };
  return { status, headers: { ...always, ...headers }, body: JSON.stringify({ error }) };
}

/** 401 with the challenge that names the cause (spotify-api.md 4.3). */
export function unauthorized(message: 'Invalid access token' | 'The access token expired'): Reply {
  return apiError(401, message, {
    'www-authenticate': `Bearer realm="spotify", error="invalid_token", error_description="${message}"`,
  });
}

/** An error of the accounts host, in the shape of RFC 6749 (spotify-api.md 1). */
export function accountsError(error: string, description?: string): Reply {
  const body = description === undefined ? { error } : { error, error_description: description };
  return { status: 400, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

/** An answer whose body is no JSON. */
export function textReply(
  status: number,
  body: string,
  headers: Record<string, string> = {},
  type = 'text/plain',
): Reply {
  return { status, headers: { 'content-type': type, ...headers }, body };
}

/** How a 429 looks; all four were seen (spotify-api.md 4.1). */
export type RateLimitBody = 'json' | 'text' | 'empty' | 'quota';

/** A 429; `retryAfter` is the header's text, undefined leaves the header out. */
export function tooManyRequests(body: RateLimitBody, retryAfter: string | undefined): Reply {
  const headers: Record<string, string> = retryAfter === undefined ? {} : { 'retry-after': retryAfter };
  switch (body) {
    case 'json':
      return apiError(429, 'API rate limit exceeded', headers);
    case 'quota':
      return apiError(429, 'Too many requests', headers, 'QUOTA_EXCEEDED');
    case 'text':
      return {
        status: 429,
        headers: { 'cache-control': 'private, max-age=0', ...headers },
        body: 'Too many requests',
      };
    case 'empty':
      return { status: 429, headers, body: '' };
  }
}

const SERVER_MESSAGES = {
  500: 'Server error',
  502: 'Bad gateway.',
  503: 'Service unavailable',
  504: 'Gateway timeout',
} as const;

const PROXY_TEXTS = {
  500: 'Internal Server Error',
  502: 'Bad Gateway',
  503: 'upstream connect error or disconnect/reset before headers',
  504: 'upstream request timeout',
} as const;

/** A status that Spotify documents as transient (spotify-api.md 4.2). */
export type ServerErrorStatus = keyof typeof SERVER_MESSAGES;

/** A 5xx as Spotify's JSON, as a proxy's text or as an HTML page (spotify-api.md 4.2). */
export function serverError(status: ServerErrorStatus, body: 'json' | 'text' | 'html'): Reply {
  if (body === 'json') return apiError(status, SERVER_MESSAGES[status]);
  if (body === 'text') return textReply(status, PROXY_TEXTS[status]);
  return htmlReply(status, PROXY_TEXTS[status]);
}

/** A page where JSON was due, as captive portals and load balancers send it. */
export function htmlReply(status: number, title: string): Reply {
  const page = `<!DOCTYPE html><html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>`;
  return textReply(status, page, {}, 'text/html; charset=utf-8');
}
