import type { OpenAPIObject } from '@nestjs/swagger';
import { PROBLEMS } from '../common/problem-catalogue';
import { GRAPHQL_PATH } from './graphql-endpoint';

type PathItem = OpenAPIObject['paths'][string];
type Operation = NonNullable<PathItem['get']>;
type Responses = Operation['responses'];
type Schema = NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>[string];

const ANSWER = { $ref: '#/components/schemas/GraphqlAnswer' };
const TYPES = ['application/json', 'application/graphql-response+json'];
/** The problems of every call of the API, whose slugs are the codes of errors here. */
const REFUSALS: Readonly<Record<number, string>> = {
  400: 'The operation is malformed, breaks a rule or a limit, or its variables do not fit. As application/json this is 200, but for limits and malformed requests.',
  401: '`unauthenticated`',
  403: '`insufficient-scope`: every field that was asked for was denied.',
  406: '`not-acceptable`',
  408: '`request-timeout`',
  413: '`payload-too-large`',
  414: '`uri-too-long`',
  415: '`unsupported-media-type`',
  429: '`rate-limited`',
  500: '`internal`',
  503: '`database-unavailable`, `identity-provider-unavailable`, `overloaded` or `shutting-down`',
};

/** What the endpoint adds to the description of the API: it has no controller that would. */
export function describeGraphql(document: OpenAPIObject): void {
  document.components = {
    ...document.components,
    schemas: { ...document.components?.schemas, GraphqlAnswer: answerSchema },
  };
  const text = { type: 'string' as const };
  const shared = { tags: ['graphql'], security: [{ bearer: [] }], responses: responses() };
  document.paths[GRAPHQL_PATH] = {
    post: {
      ...shared,
      operationId: 'graphql_execute',
      summary: 'Execute a GraphQL operation',
      description:
        'GraphQL over HTTP. The schema is schema.gql of the repository; introspection needs the scope `ops:read`. What an operation costs beyond one call is charged too.',
      requestBody: {
        required: true,
        content: {
          'application/json': {
            schema: {
              type: 'object',
              additionalProperties: false,
              properties: {
                query: { type: ['string', 'null'] as never },
                operationName: { type: ['string', 'null'] as never },
                variables: { type: ['object', 'null'] as never, additionalProperties: true },
                extensions: { type: ['object', 'null'] as never, additionalProperties: true },
              },
            },
            example: { query: '{ track(isrc: "USWB10102873") { title artists { name } } }' },
          },
        },
      },
    },
    get: {
      ...shared,
      responses: { ...shared.responses, 405: failure('`method-not-allowed`: mutations are sent by POST.') },
      operationId: 'graphql_query',
      summary: 'Execute a GraphQL query',
      description:
        'Queries alone. `variables` and `extensions` are JSON. A browser that asks for text/html gets a page to try it, where that is switched on.',
      parameters: ['query', 'operationName', 'variables', 'extensions'].map((name) => ({
        name,
        in: 'query' as const,
        required: false,
        schema: text,
      })),
    },
  };
}

function responses(): Responses {
  const ok = {
    description: 'Executed. Fields that failed are null, and told in `errors`.',
    content: contentOf(),
  };
  return {
    200: ok,
    ...Object.fromEntries(Object.entries(REFUSALS).map(([status, text]) => [status, failure(text)])),
  };
}

const failure = (description: string) => ({ description, content: contentOf() });

const contentOf = () => Object.fromEntries(TYPES.map((type) => [type, { schema: ANSWER }]));

const answerSchema: Schema = {
  type: 'object',
  description: 'The answer to a GraphQL operation.',
  properties: {
    data: { type: ['object', 'null'] as never, additionalProperties: true },
    errors: {
      type: 'array',
      items: {
        type: 'object',
        required: ['message', 'extensions'],
        properties: {
          message: { type: 'string' },
          locations: {
            type: 'array',
            items: {
              type: 'object',
              properties: { line: { type: 'integer' }, column: { type: 'integer' } },
            },
          },
          path: { type: 'array', items: { type: ['string', 'integer'] as never } },
          extensions: {
            type: 'object',
            required: ['code', 'requestId'],
            additionalProperties: true,
            properties: {
              code: {
                type: 'string',
                description: 'The slug of a problem, or PERSISTED_QUERY_NOT_FOUND.',
                enum: [...Object.keys(PROBLEMS), 'PERSISTED_QUERY_NOT_FOUND'],
              },
              requestId: { type: 'string' },
            },
          },
        },
      },
    },
    extensions: {
      type: 'object',
      properties: { cost: { type: 'integer', description: 'Units charged.' } },
    },
  },
};
