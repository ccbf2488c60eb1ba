import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { z } from 'zod';
import { problemView } from './common/api-docs';
import { VERSION } from './config/version';
import { describeGraphql } from './graphql/api-description';

/** The description of the API (OpenAPI 3.1), from the decorators of the handlers. */
export function describeApi(app: NestFastifyApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setOpenAPIVersion('3.1.0')
    .setTitle('Deadwax')
    .setDescription('What stands behind an ISRC: title, artists, release, cover, territories.')
    .setVersion(VERSION)
    .setLicense('MIT', 'https://spdx.org/licenses/MIT.html')
    .addServer('/')
    .addTag('tracks', 'Recordings by ISRC')
    .addTag('artists', 'Artists of stored tracks')
    .addTag('imports', 'Many ISRCs at once, in the background')
    .addTag('exports', 'All that is stored, as a file')
    .addTag('graphql', 'The same data by GraphQL')
    .addTag('auth', 'The caller')
    .addTag('tokens', 'API tokens')
    .addTag('health', 'For probes and people on call')
    .addBearerAuth(
      {
        type: 'http',
        scheme: 'bearer',
        description:
          'An API token (`deadwax token create`, or `POST /v1/tokens`), or a JWT access token of the identity provider.',
      },
      'bearer',
    )
    .build();
  const document = SwaggerModule.createDocument(app, config, {
    operationIdFactory: (controller, method) =>
      `${controller.replace(/Controller$/, '').toLowerCase()}_${method}`,
  });
  // Named schemas come as definitions of their own.
  const { Problem } = z.toJSONSchema(problemView, { io: 'output' }).$defs ?? {};
  document.components = {
    ...document.components,
    schemas: { ...document.components?.schemas, Problem: Problem as never },
  };
  describeGraphql(document);
  describeConditionalReads(document);
  describeLimits(document);
  return document;
}

/** What the guard tells every caller with a token: how many calls are left. */
function describeLimits(document: OpenAPIObject): void {
  const text = (description: string) => ({ description, schema: { type: 'string' as const } });
  const headers = {
    'RateLimit-Policy': text('The limit: q calls in w seconds.'),
    RateLimit: text('What is left of it: r calls, whole again in t seconds.'),
  };
  for (const operations of Object.values(document.paths)) {
    for (const { security, responses } of operationsOf(operations)) {
      for (const [status, response] of Object.entries(responses)) {
        if (security === undefined || response === undefined || '$ref' in response) continue;
        if (!/^(2|304|429)/.test(status)) continue;
        response.headers = { ...response.headers, ...headers };
      }
    }
  }
}

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;

function operationsOf({ get, post, delete: remove }: OpenAPIObject['paths'][string]): Operation[] {
  return [get, post, remove].filter((operation) => operation !== undefined);
}

/** What `http-server.ts` does for every read of the API: an ETag, and 304 to who has it. */
function describeConditionalReads(document: OpenAPIObject): void {
  for (const [path, { get }] of Object.entries(document.paths)) {
    const ok = get?.responses['200'];
    if (get === undefined || ok === undefined || '$ref' in ok || !path.startsWith('/v1/')) continue;
    if (ok.content?.['application/json'] === undefined) continue;
    const headers = { ETag: { description: 'For If-None-Match.', schema: { type: 'string' as const } } };
    ok.headers = { ...headers, ...ok.headers };
    get.responses['304'] = {
      description: 'What has the ETag sent in If-None-Match is still current.',
      headers,
    };
  }
}

/** Serves the description at `/openapi.json` and a page to read and try it at `/docs`. */
export function serveApiDocs(app: NestFastifyApplication): void {
  let document: OpenAPIObject | undefined;
  SwaggerModule.setup('docs', app, () => (document ??= describeApi(app)), {
    jsonDocumentUrl: 'openapi.json',
    yamlDocumentUrl: 'docs/openapi.yaml',
    customSiteTitle: 'Deadwax API',
    swaggerOptions: { persistAuthorization: false, tryItOutEnabled: true },
  });
}
