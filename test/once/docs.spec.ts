import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Validator } from '@seriousme/openapi-schema-validator';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PROBLEMS } from '../../src/common/problem-catalogue';
import { describeApi } from '../../src/openapi';
import { createApp } from '../support/app';

/* The description of the API and the pages about it. They need no database: none is opened here. */

interface Operation {
  readonly summary?: string;
  readonly operationId?: string;
  readonly tags?: string[];
  readonly security?: unknown[];
  readonly parameters?: { name: string; in: string; required?: boolean; schema?: object }[];
  readonly requestBody?: { content: Record<string, { schema?: object }> };
  readonly responses: Record<
    string,
    {
      description?: string;
      headers?: Record<string, unknown>;
      content?: Record<string, { schema?: object; examples?: Record<string, { value: { type: string } }> }>;
    }
  >;
}
interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { schemas: Record<string, unknown>; securitySchemes: Record<string, unknown> };
}

const PUBLIC = ['GET /health/live', 'GET /health/ready', 'GET /health/startup'];

let app: NestFastifyApplication;
let url: string;
let document: Document;

beforeAll(async () => {
  app = await createApp({});
  await app.listen(0, '127.0.0.1');
  url = (await app.getUrl()).replace(/\/$/, '');
  document = (await (await fetch(`${url}/openapi.json`)).json()) as Document;
}, 20_000);
afterAll(() => app.close());

const operations = (): [string, Operation][] =>
  Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): [string, Operation] => [
      `${method.toUpperCase()} ${path}`,
      operation,
    ]),
  );
const page = async (path: string): Promise<{ status: number; type: string; text: string }> => {
  const response = await fetch(url + path);
  return {
    status: response.status,
    type: response.headers.get('content-type') ?? '',
    text: await response.text(),
  };
};

describe('/openapi.json', () => {
  it('is valid OpenAPI 3.1 without a dangling reference', async () => {
    const response = await fetch(`${url}/openapi.json`);
    expect([response.status, response.headers.get('content-type')]).toEqual([
      200,
      'application/json; charset=utf-8',
    ]);
    expect(document.openapi).toMatch(/^3\.1\./);
    expect(await new Validator().validate({ ...document })).toEqual({ valid: true });
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(
      ([, ref = '']) => ref,
    );
    const known = Object.keys(document.components.schemas).map((name) => `#/components/schemas/${name}`);
    expect(references.length).toBeGreaterThan(10);
    expect(new Set(references.filter((ref) => !known.includes(ref)))).toEqual(new Set());
    expect(known.filter((name) => !references.includes(name))).toEqual([]);
  });

  it('is the committed openapi.json', () => {
    const file = join(__dirname, '../../openapi.json');
    const committed = existsSync(file) ? readFileSync(file, 'utf8') : 'missing';
    if (committed !== `${JSON.stringify(describeApi(app), null, 2)}\n`) {
      throw new Error('openapi.json is not what the service says of itself. Run `npm run openapi:write`.');
    }
  });

  it('can be kept: 304 to who has it', async () => {
    const etag = (await fetch(`${url}/openapi.json`)).headers.get('etag') ?? '';
    expect((await fetch(`${url}/openapi.json`, { headers: { 'if-none-match': etag } })).status).toBe(304);
  });

  it('says of every operation what it is for, who may call it, and what comes back', () => {
    expect(operations().length).toBeGreaterThanOrEqual(15);
    const ids = operations().map(([, { operationId }]) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [name, operation] of operations()) {
      const { summary, tags, security, responses, parameters = [], requestBody } = operation;
      expect([name, summary]).toEqual([name, expect.stringMatching(/\S{2}/)]);
      expect([name, tags?.length]).toEqual([name, 1]);
      expect([name, security]).toEqual([name, PUBLIC.includes(name) ? undefined : [{ bearer: [] }]]);
      const good = Object.entries(responses).filter(([status]) => status.startsWith('2'));
      expect([name, good.length > 0]).toEqual([name, true]);
      for (const [status, { content }] of good) {
        if (status === '204') continue;
        const bodies = Object.values(content ?? {});
        expect([name, bodies.length > 0]).toEqual([name, true]);
        for (const { schema } of bodies) expect([name, schema]).toEqual([name, expect.any(Object)]);
      }
      const placeholders = [...name.matchAll(/\{(\w+)\}/g)].map(([, each]) => each);
      expect(parameters.filter((each) => each.in === 'path').map((each) => each.name)).toEqual(placeholders);
      for (const each of parameters) expect([name, each.schema]).toEqual([name, expect.any(Object)]);
      for (const { schema } of Object.values(requestBody?.content ?? {})) expect(schema).toBeDefined();
      for (const status of ['400', '406', '500', '503', ...(PUBLIC.includes(name) ? [] : ['401', '403'])]) {
        expect([name, Object.keys(responses)]).toEqual([name, expect.arrayContaining([status])]);
      }
    }
  });

  it('has no problem that the catalogue lacks', () => {
    const seen = new Set<string>();
    for (const [name, { responses }] of operations()) {
      for (const [status, { content }] of Object.entries(responses)) {
        for (const [slug, { value }] of Object.entries(
          content?.['application/problem+json']?.examples ?? {},
        )) {
          expect([name, value.type]).toEqual([name, `/problems/${slug}`]);
          expect([slug, PROBLEMS[slug as keyof typeof PROBLEMS].status]).toEqual([slug, Number(status)]);
          seen.add(slug);
        }
        if (status >= '400') expect([name, status, content]).toEqual([name, status, expect.any(Object)]);
      }
    }
    // Refused before an operation is found, or of calls that are still to come.
    const elsewhere = ['method-not-allowed'];
    expect([...seen, ...elsewhere].sort()).toEqual(Object.keys(PROBLEMS).sort());
  });
});

describe('/problems', () => {
  it('lists every problem, and each has its page', async () => {
    const index = await page('/problems');
    expect([index.status, index.type]).toEqual([200, 'text/html; charset=utf-8']);
    const links = [...index.text.matchAll(/href="\/problems\/([^"]+)"/g)].map(([, slug = '']) => slug);
    expect(links.sort()).toEqual(Object.keys(PROBLEMS).sort());
    for (const [slug, { status, title }] of Object.entries(PROBLEMS)) {
      const { status: answered, type, text } = await page(`/problems/${slug}`);
      expect([slug, answered, type]).toEqual([slug, 200, 'text/html; charset=utf-8']);
      expect(text).toContain(title);
      expect(text).toContain(`status ${status}`);
      expect(text).not.toMatch(/<script|https?:\/\//);
    }
  });

  it.each(['nothing', '__proto__', 'constructor', 'toString', '<b>'])('has no page %s', async (slug) => {
    const { status, type } = await page(`/problems/${encodeURIComponent(slug)}`);
    expect([status, type]).toEqual([404, 'application/problem+json; charset=utf-8']);
  });
});

describe('/docs', () => {
  it.each(['/docs', '/docs/'])('%s is a page whose every part is served from here', async (path) => {
    const { status, type, text } = await page(path);
    expect([status, type]).toEqual([200, expect.stringMatching(/^text\/html/)]);
    expect(text).toContain('Deadwax API');
    const assets = [...text.matchAll(/<(?:script|link|img|iframe)\b[^>]*?(?:src|href)="([^"]+)"/g)].map(
      ([, reference = '']) => reference,
    );
    expect(assets.length).toBeGreaterThan(3);
    for (const asset of assets) {
      const target = new URL(asset, url + path);
      expect([asset, target.origin]).toEqual([asset, url]);
      const answer = await page(target.pathname);
      expect([target.pathname, answer.status, answer.text.length > 0]).toEqual([target.pathname, 200, true]);
      expect([asset, answer.type]).toEqual([asset, expect.not.stringContaining('json')]);
    }
    expect(text.replace(/xmlns(:\w+)?="[^"]*"/g, '')).not.toMatch(/(src|href)="(https?:)?\/\//);
  });

  it('shows the same document', async () => {
    const { text } = await page('/docs/swagger-ui-init.js');
    expect(text).toContain('/v1/tracks/{isrc}/candidates');
    expect((await page('/docs/openapi.yaml')).status).toBe(200);
  });

  it.each(['/docs/nothing.js', '/docs/..%2fpackage.json', '/docs/%2e%2e/%2e%2e/package.json'])(
    'does not serve %s',
    async (path) => {
      expect((await page(path)).status).toBe(404);
    },
  );
});
