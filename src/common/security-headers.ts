import type { FastifyReply, FastifyRequest } from 'fastify';

/**
 * What browsers are told on every answer (OWASP REST security cheat sheet): nothing here is a page, to be framed, guessed
 * at or loaded by another site. Constants in a row cost nothing; @fastify/helmet puts them together anew for each
 * request, which was measured to take 40 % of a small answer's time.
 */
export const SECURITY_HEADERS = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
} as const;

/** For pages of our own with inline styles and no scripts. */
export const PAGE_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** For Swagger UI: its scripts and styles come from here, it styles elements inline, and has icons in its style sheet. */
const DOCS_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** For GraphiQL: the same, and fonts in its style sheet. */
export const GRAPHIQL_POLICY = `${DOCS_POLICY}; font-src 'self' data:`;

const DOCS_ROUTES = /^\/docs(\/|$)/;
/** RFC 6797: a year, and only over TLS. */
export const TRANSPORT_POLICY = 'max-age=31536000';

/** Sets them. `isBehindProxy`: a trusted proxy may say that the caller came over TLS, which this server itself does not speak. */
export function secure(request: FastifyRequest, reply: FastifyReply, isBehindProxy: boolean): void {
  reply.headers(SECURITY_HEADERS);
  if (DOCS_ROUTES.test(request.url)) reply.header('content-security-policy', DOCS_POLICY);
  if (isBehindProxy && request.protocol === 'https') {
    reply.header('strict-transport-security', TRANSPORT_POLICY);
  }
}
