import { applyDecorators } from '@nestjs/common';
import { ApiResponse } from '@nestjs/swagger';
import { z } from 'zod';
import { PROBLEM_MEDIA_TYPE } from './problem';
import { PROBLEMS, type ProblemSlug } from './problem-catalogue';

/** The body of every failed call (RFC 9457). */
export const problemView = z
  .object({
    type: z.string().describe('/problems/<slug>: the page that explains the problem.'),
    title: z.string(),
    status: z.number().int(),
    detail: z.string(),
    instance: z.string().describe('Path of the request.'),
    requestId: z.string(),
    errors: z
      .array(z.object({ field: z.string(), message: z.string() }))
      .optional()
      .describe('On 400: each field at fault.'),
  })
  .meta({ id: 'Problem', description: 'What went wrong (RFC 9457).' });

const OF_EVERY_CALL = [
  'invalid-request',
  'not-acceptable',
  'request-timeout',
  'uri-too-long',
  'header-fields-too-large',
  'internal',
  'overloaded',
  'shutting-down',
] as const satisfies ProblemSlug[];
const OF_AUTHENTICATED_CALLS = [
  'unauthenticated',
  'insufficient-scope',
  'identity-provider-unavailable',
  'rate-limited',
  'database-unavailable',
] as const satisfies ProblemSlug[];
const OF_CALLS_WITH_BODY = ['payload-too-large', 'unsupported-media-type'] as const satisfies ProblemSlug[];

/** Documents the problems of an authenticated call: its own, and those that every such call can have. */
export function ApiProblems(...slugs: ProblemSlug[]): MethodDecorator {
  return documentProblems([...slugs, ...OF_AUTHENTICATED_CALLS, ...OF_EVERY_CALL]);
}

/** The same for a call that reads a body. */
export function ApiBodyProblems(...slugs: ProblemSlug[]): MethodDecorator {
  return ApiProblems(...slugs, ...OF_CALLS_WITH_BODY);
}

/** Documents the problems of a call that needs no token. */
export function ApiPublicProblems(...slugs: ProblemSlug[]): MethodDecorator {
  return documentProblems([...slugs, ...OF_EVERY_CALL]);
}

/** Documents a 503 that is a report of `schema` or, where the call itself failed, a problem. */
export function ApiDown(schema: string, description: string, ...slugs: ProblemSlug[]): MethodDecorator {
  return ApiResponse({
    status: 503,
    description: `${description} ${describe(slugs)}`,
    headers: headersOf(503),
    content: {
      'application/json': { schema: { $ref: `#/components/schemas/${schema}` } },
      ...problemContent(slugs),
    },
  });
}

function documentProblems(slugs: readonly ProblemSlug[]): MethodDecorator {
  const byStatus = new Map<number, ProblemSlug[]>();
  for (const slug of new Set(slugs)) {
    const { status } = PROBLEMS[slug];
    byStatus.set(status, [...(byStatus.get(status) ?? []), slug]);
  }
  return applyDecorators(
    ...[...byStatus].map(([status, ofStatus]) =>
      ApiResponse({
        status,
        description: describe(ofStatus),
        headers: headersOf(status),
        content: problemContent(ofStatus),
      }),
    ),
  );
}

const describe = (slugs: readonly ProblemSlug[]): string =>
  slugs.map((slug) => `\`${slug}\`: ${PROBLEMS[slug].title}.`).join(' ');

function problemContent(slugs: readonly ProblemSlug[]) {
  return {
    [PROBLEM_MEDIA_TYPE.split(';')[0] ?? '']: {
      schema: { $ref: '#/components/schemas/Problem' },
      examples: Object.fromEntries(slugs.map((slug) => [slug, { value: exampleOf(slug) }])),
    },
  };
}

function headersOf(status: number): Record<string, { description: string; schema: { type: string } }> {
  const requestId = {
    'X-Request-Id': { description: 'Names the call in the log.', schema: { type: 'string' } },
  };
  if (status === 401 || status === 403) {
    return {
      ...requestId,
      'WWW-Authenticate': { description: 'What is missing (RFC 6750).', schema: { type: 'string' } },
    };
  }
  if (status === 409) {
    const description =
      'Seconds, where waiting helps: the first call with an Idempotency-Key is still running.';
    return { ...requestId, 'Retry-After': { description, schema: { type: 'integer' } } };
  }
  if (status === 503 || status === 429)
    return { ...requestId, 'Retry-After': { description: 'Seconds.', schema: { type: 'integer' } } };
  return requestId;
}

function exampleOf(slug: ProblemSlug): z.infer<typeof problemView> {
  const { status, title, explanation } = PROBLEMS[slug];
  return {
    type: `/problems/${slug}`,
    title,
    status,
    detail: explanation.split('. ', 1)[0] ?? title,
    instance: '/v1/tracks',
    requestId: '6f1c1d0e-8a53-4c55-9b0e-6f4f5b1f7d1a',
    ...(status === 400 ? { errors: [{ field: 'isrc', message: 'says what is wrong with the field' }] } : {}),
  };
}
