import { RequestMethod } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { makeTokenText } from '../../src/auth/api-token.text';
import { ApiTokensService } from '../../src/auth/api-tokens.service';
import { type Policy, POLICY } from '../../src/auth/policy.decorators';
import { SCOPES, type Scope } from '../../src/auth/scopes';
import { forge, KeyServer } from '../fakes/oidc/key-server';
import { startApp, type TestApp } from '../support/app';
import { expectProblem } from '../e2e/problem-check';

const ROLE_NAMES = ['reader', 'editor', 'operator', 'admin'] as const;

let service: TestApp;
let provider: KeyServer;
/** Tokens of one scope alone, of both kinds, by name. */
const singles: { name: string; scope: Scope; token: string }[] = [];
beforeAll(async () => {
  provider = await KeyServer.start();
  const key = await provider.addKey();
  service = await startApp(provider.environment());
  for (const scope of SCOPES) {
    const { text } = await service.app.get(ApiTokensService).create(scope, [scope], null);
    singles.push({ name: `API token of ${scope}`, scope, token: text });
    singles.push({ name: `JWT of ${scope}`, scope, token: await provider.token(key, { scope }) });
  }
});
afterAll(async () => {
  await service.stop();
  await provider.stop();
});

describe('S14 every route for every role', () => {
  /** The scope that a call needs, `any` for any token, `none` for no token. A route that is missing here fails. */
  const POLICIES: Record<string, Scope | 'any' | 'none'> = {
    'GET /v1/me': 'any',
    'GET /v1/tokens': 'tokens:admin',
    'POST /v1/tokens': 'tokens:admin',
    'GET /v1/tokens/:id': 'tokens:admin',
    'DELETE /v1/tokens/:id': 'tokens:admin',
    'POST /v1/tokens/:id/rotate': 'tokens:admin',
    'GET /v1/tracks': 'tracks:read',
    'POST /v1/tracks': 'tracks:write',
    'POST /v1/tracks/lookup': 'tracks:read',
    'GET /v1/tracks/:isrc': 'tracks:read',
    'DELETE /v1/tracks/:isrc': 'tracks:write',
    'GET /v1/tracks/:isrc/candidates': 'tracks:read',
    'POST /v1/tracks/:isrc/refresh': 'tracks:write',
    'GET /v1/artists': 'tracks:read',
    'GET /v1/artists/:id': 'tracks:read',
    'GET /v1/artists/:id/tracks': 'tracks:read',
    'GET /v1/imports': 'imports:read',
    'POST /v1/imports': 'imports:write',
    'GET /v1/imports/:id': 'imports:read',
    'GET /v1/imports/:id/rows': 'imports:read',
    'GET /v1/imports/:id/rows.csv': 'imports:read',
    'GET /v1/imports/:id/rows.ndjson': 'imports:read',
    'GET /v1/imports/:id/events': 'imports:read',
    'POST /v1/imports/:id/cancel': 'imports:write',
    'POST /v1/imports/:id/retry': 'imports:write',
    'GET /v1/exports/tracks': 'tracks:read',
    'GET /graphql/assets/:name': 'none',
    'GET /graphql': 'any',
    'POST /graphql': 'any',
    'GET /health': 'ops:read',
    'GET /metrics': 'ops:read',
    'GET /health/live': 'none',
    'GET /health/ready': 'none',
    'GET /health/startup': 'none',
    'GET /openapi.json': 'none',
    'GET /problems': 'none',
    'GET /problems/:slug': 'none',
    'GET /docs': 'none',
    'GET /docs/': 'none',
    'GET /docs/*': 'none',
    'GET /docs/LICENSE': 'none',
    'GET /docs/docs/swagger-ui-init.js': 'none',
    'GET /docs/index.html': 'none',
    'GET /docs/openapi.yaml': 'none',
    'GET /docs/swagger-ui-init.js': 'none',
  };
  /** Each role as section 3 of the contract has it, written out: not read from the code under test. */
  const GRANTED: Record<(typeof ROLE_NAMES)[number], readonly Scope[]> = {
    reader: ['tracks:read', 'imports:read'],
    editor: ['tracks:read', 'imports:read', 'tracks:write', 'imports:write'],
    operator: ['ops:read'],
    admin: ['tracks:read', 'tracks:write', 'imports:read', 'imports:write', 'tokens:admin', 'ops:read'],
  };

  it('the table names every route of the running service, and no other', () => {
    expect(routesOf(service.app.getHttpAdapter().getInstance().printRoutes({ commonPrefix: false }))).toEqual(
      Object.keys(POLICIES)
        .flatMap((route) => (route.startsWith('GET') ? [route, route.replace('GET', 'HEAD')] : [route]))
        .sort(),
    );
    expect(new Set(GRANTED.admin)).toEqual(new Set(SCOPES));
  });

  it('each handler declares the policy that the table has, and none of them is missing', () => {
    const declared = policiesOf(service.app.get(ModulesContainer));
    expect(Object.keys(declared).length).toBeGreaterThan(10);
    expect(declared).toEqual(
      Object.fromEntries(
        Object.keys(declared).map((route) => [route, POLICIES[route] ?? 'not in the table']),
      ),
    );
    // What no handler of ours answers: documents, and nothing else.
    const others = Object.keys(POLICIES).filter((route) => !(route in declared));
    expect(
      others.filter((route) => !/^(GET|POST) \/(docs|problems|openapi\.json|graphql)/.test(route)),
    ).toEqual([]);
  });

  it.each(Object.entries(POLICIES))(
    '%s for each scope alone, of both kinds of tokens',
    async (route, policy) => {
      const [method = '', template = ''] = route.split(' ');
      for (const verb of method === 'GET' ? ['GET', 'HEAD'] : [method]) {
        for (const { name, scope, token } of singles) {
          const { status, headers } = await service.call(verb, pathOf(template), { token });
          const mayCall = policy === 'none' || policy === 'any' || policy === scope;
          const cell = [verb, name, headers.get('www-authenticate')];
          if (mayCall) {
            expect([...cell, [401, 403, 500].includes(status)]).toEqual([verb, name, null, false]);
          } else {
            const challenge = `Bearer realm="deadwax", error="insufficient_scope", scope="${policy}"`;
            expect([...cell, status]).toEqual([verb, name, challenge, 403]);
          }
        }
      }
    },
  );

  it.each(Object.entries(POLICIES))('%s needs %s', async (route, policy) => {
    const [method = '', template = ''] = route.split(' ');
    const path = pathOf(template);
    for (const verb of method === 'GET' ? ['GET', 'HEAD'] : [method]) {
      const open = await service.call(verb, path, { token: null });
      if (policy === 'none') expect([401, 403, 500]).not.toContain(open.status);
      else
        expect([open.status, open.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="deadwax"']);
      for (const token of [makeTokenText(), forge({ alg: 'RS256', typ: 'at+jwt' }, {}, 'AAAA')]) {
        const { status } = await service.call(verb, path, { token });
        expect([verb, policy === 'none' ? [401, 403, 500].includes(status) : status]).toEqual([
          verb,
          policy === 'none' ? false : 401,
        ]);
      }
      for (const role of ROLE_NAMES) {
        const answer = await service.call(verb, path, { token: service.tokens[role] });
        const mayCall = policy === 'none' || policy === 'any' || GRANTED[role].includes(policy);
        if (mayCall) {
          expect([role, [401, 403, 500].includes(answer.status)]).toEqual([role, false]);
        } else {
          expect([role, answer.status, answer.headers.get('www-authenticate')]).toEqual([
            role,
            403,
            `Bearer realm="deadwax", error="insufficient_scope", scope="${policy}"`,
          ]);
          if (verb !== 'HEAD') expectProblem(answer, 'insufficient-scope', path);
        }
      }
    }
  });
});

describe('a token without the scope', () => {
  it.each([
    ['broken JSON', { 'content-type': 'application/json' }, '{"isrc":'],
    ['another type', { 'content-type': 'text/plain' }, 'x'],
    ['no fields that are known', { 'content-type': 'application/json' }, '{"a":1}'],
    ['a body too large', { 'content-type': 'application/json' }, JSON.stringify('x'.repeat(1_100_000))],
  ])('is told so whatever the body: %s', async (_, headers, body) => {
    for (const path of ['/v1/tracks', '/v1/tokens', '/v1/imports']) {
      const answer = await service.call('POST', path, { token: service.tokens.reader, headers, body });
      expectProblem(answer, 'insufficient-scope', path);
    }
  });
});

const pathOf = (template: string): string =>
  template.replace(':isrc', 'USWB10102873').replace(':id', 'x').replace(':slug', 'internal');

/** What each handler of each controller declares, as the table has it. */
function policiesOf(modules: ModulesContainer): Record<string, string> {
  const found: Record<string, string> = {};
  for (const { metatype } of [...modules.values()].flatMap(({ controllers }) => [...controllers.values()])) {
    if (typeof metatype !== 'function') continue;
    const prefix = String(Reflect.getMetadata('path', metatype));
    for (const { value } of Object.values(Object.getOwnPropertyDescriptors(metatype.prototype))) {
      if (typeof value !== 'function' || !Reflect.hasMetadata('method', value)) continue;
      const method = RequestMethod[Number(Reflect.getMetadata('method', value))];
      const path = [prefix, String(Reflect.getMetadata('path', value))].join('/').replace(/\/{2,}|\/$/g, '');
      const policy = Reflect.getMetadata(POLICY, value) as Policy | undefined;
      const kinds = {
        public: 'none',
        'any-token': 'any',
        scope: policy?.kind === 'scope' ? policy.scope : '',
      };
      found[`${method} /${path}`] = policy === undefined ? 'no policy' : kinds[policy.kind];
    }
  }
  return found;
}

/** Fastify's tree of routes as `METHOD /path` lines. */
function routesOf(tree: string): string[] {
  const parents: string[] = [];
  return tree
    .split('\n')
    .flatMap((line) => {
      const [, indent = '', part = '', methods] = /^([│ ├└─]*)(\S+)(?: \((.*)\))?$/.exec(line) ?? [];
      if (part === '') return [];
      const depth = indent.length / 4 - 1;
      parents[depth] = (parents[depth - 1] ?? '') + part;
      return (methods ?? '')
        .split(', ')
        .filter(Boolean)
        .map((method) => `${method} ${parents[depth]}`);
    })
    .sort();
}
