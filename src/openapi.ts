import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { z } from 'zod';
import { problemView } from './common/api-docs';
import { VERSION } from './config/version';

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
    .addTag('auth', 'The caller')
    .addTag('health', 'For probes and people on call')
    .addBearerAuth(
      { type: 'http', scheme: 'bearer', description: 'An API token: `deadwax token create`.' },
      'bearer',
    )
    .build();
  const document = SwaggerModule.createDocument(app, config, {
    operationIdFactory: (controller, method) =>
      `${controller.replace(/Controller$/, '').toLowerCase()}_${method}`,
  });
  const { $schema: _, ...problem } = z.toJSONSchema(problemView, { io: 'output' });
  document.components = {
    ...document.components,
    schemas: { ...document.components?.schemas, Problem: problem as never },
  };
  return document;
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
