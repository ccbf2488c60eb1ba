import { makeTokenText } from '../../src/auth/api-token.text';
import { SCOPES, type Scope } from '../../src/auth/scopes';
import { startApp, type TestApp } from '../support/app';
import { expectProblem } from './problem-check';

const ROLE_NAMES = ['reader', 'editor', 'operator', 'admin'] as const;

let service: TestApp;
beforeAll(async () => {
  service = await startApp();
});
afterAll(() => service.stop());

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

  it.each(Object.entries(POLICIES))('%s needs %s', async (route, policy) => {
    const [method = '', template = ''] = route.split(' ');
    const path = template.replace(':isrc', 'USWB10102873').replace(':id', 'x').replace(':slug', 'internal');
    for (const verb of method === 'GET' ? ['GET', 'HEAD'] : [method]) {
      const open = await service.call(verb, path, { token: null });
      if (policy === 'none') expect([401, 403, 500]).not.toContain(open.status);
      else
        expect([open.status, open.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="deadwax"']);
      if (policy !== 'none') {
        expect([verb, (await service.call(verb, path, { token: makeTokenText() })).status]).toEqual([
          verb,
          401,
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
