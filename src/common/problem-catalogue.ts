interface ProblemType {
  readonly status: number;
  readonly title: string;
  /** Shown on `/problems/<slug>`: what happened and what the caller can do. */
  readonly explanation: string;
}

/**
 * Every problem that the API can answer with (RFC 9457), by the last part of its `type`.
 * The slugs are part of the contract with clients: a retired one is never used again.
 */
export const PROBLEMS = {
  'invalid-request': {
    status: 400,
    title: 'Invalid request',
    explanation:
      'The request does not have the documented form: broken JSON, a missing or unknown field, a value of the wrong type or out of range. `errors` names each field and its rule. Correct the request before sending it again.',
  },
  'invalid-isrc': {
    status: 400,
    title: 'Invalid ISRC',
    explanation:
      'An ISRC (ISO 3901) has 12 characters: two letters, three letters or digits, seven digits. Lower case, surrounding white space, a leading label `ISRC`, and hyphens or spaces between the parts are accepted. `detail` names the value and the rule that it breaks.',
  },
  unauthenticated: {
    status: 401,
    title: 'Authentication required',
    explanation:
      'The call needs a bearer token in the `Authorization` header, and there was none, or it was malformed, unknown, expired or revoked. Tokens in the query string or the body are not accepted.',
  },
  'insufficient-scope': {
    status: 403,
    title: 'Insufficient scope',
    explanation:
      'The token is valid, but was not granted the scope that this call needs. The `WWW-Authenticate` header names the scope. Ask an administrator for a token that has it.',
  },
  'not-found': {
    status: 404,
    title: 'Not found',
    explanation: 'There is no such route or resource.',
  },
  'track-not-found': {
    status: 404,
    title: 'Track not stored',
    explanation:
      'No track is stored here under this ISRC. `POST /v1/tracks` with the ISRC fetches it from the source and stores it.',
  },
  'recording-not-found': {
    status: 404,
    title: 'Recording not found at the source',
    explanation:
      'The source was asked and has no recording under this ISRC, in any of the configured markets. The miss is remembered for ten minutes; after that the source is asked again.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'Method not allowed',
    explanation: 'The path exists, but not for this method. The `Allow` header lists the methods it has.',
  },
  'not-acceptable': {
    status: 406,
    title: 'Not acceptable',
    explanation: 'The `Accept` header rules out the media types that this path can answer with.',
  },
  conflict: {
    status: 409,
    title: 'Conflict',
    explanation: 'The call contradicts the present state of the resource. Read the resource, then decide.',
  },
  'request-timeout': {
    status: 408,
    title: 'Request timeout',
    explanation: 'The request arrived too slowly. Send it again over a better connection.',
  },
  'payload-too-large': {
    status: 413,
    title: 'Payload too large',
    explanation: 'The request body is larger than this path accepts. Send less in one call.',
  },
  'uri-too-long': {
    status: 414,
    title: 'Address too long',
    explanation: 'The path and query of the request are longer than 8 KiB.',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'Unsupported media type',
    explanation:
      'The body has a `Content-Type` that this path does not read. JSON calls need `application/json` in UTF-8.',
  },
  'idempotency-key-reused': {
    status: 422,
    title: 'Idempotency key reused',
    explanation:
      'The `Idempotency-Key` was already used for a call with another body. Use a new key for a new call.',
  },
  'rate-limited': {
    status: 429,
    title: 'Too many requests',
    explanation: 'This client has used up its allowance. Wait as long as `Retry-After` says (seconds).',
  },
  'header-fields-too-large': {
    status: 431,
    title: 'Header fields too large',
    explanation: 'The header of the request is larger than 16 KiB.',
  },
  internal: {
    status: 500,
    title: 'Internal error',
    explanation: 'The service failed unexpectedly. Report the `requestId`: it finds the cause in the log.',
  },
  'source-error': {
    status: 502,
    title: 'The source answered nonsense',
    explanation:
      'The source of recordings (Spotify) sent an answer that cannot be used, or refuses the credentials of this service. Stored tracks are still served.',
  },
  'source-unavailable': {
    status: 503,
    title: 'The source is not available',
    explanation:
      'The source of recordings (Spotify) cannot be asked now: its rate limit or quota is used up, or it is down. Try again after `Retry-After` seconds. Stored tracks are still served.',
  },
  'identity-provider-unavailable': {
    status: 503,
    title: 'The identity provider is not available',
    explanation:
      'The token is a JWT, and the keys to check it by could not be had from the identity provider yet. Try again after `Retry-After` seconds. API tokens are accepted meanwhile.',
  },
  'database-unavailable': {
    status: 503,
    title: 'The database is not available',
    explanation:
      'The database does not answer at the moment. Nothing was stored. Try again after `Retry-After` seconds.',
  },
  overloaded: {
    status: 503,
    title: 'Overloaded',
    explanation:
      'More calls came than this replica can answer in time, and this one was not begun. Send it again after `Retry-After` seconds.',
  },
  'shutting-down': {
    status: 503,
    title: 'Shutting down',
    explanation:
      'This replica is stopping and takes no new calls. Send the call again: another replica takes it.',
  },
  'source-timeout': {
    status: 504,
    title: 'The source did not answer in time',
    explanation: 'The source of recordings (Spotify) did not answer in time. Try again later.',
  },
} as const satisfies Record<string, ProblemType>;

export type ProblemSlug = keyof typeof PROBLEMS;
