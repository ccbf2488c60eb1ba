import { ModulesContainer } from '@nestjs/core';
import { GraphQLSchemaHost } from '@nestjs/graphql';
import { isObjectType } from 'graphql';
import { ApiTokensService } from '../../src/auth/api-tokens.service';
import { type Policy, POLICY } from '../../src/auth/policy.decorators';
import { SCOPES, type Scope } from '../../src/auth/scopes';
import { startApp, type TestApp } from '../support/app';
import { ask } from '../support/graphql';

const ISRC = 'USWB10102873';
/** The scope that each resolver needs, `any` for any token, and an operation that asks for it. A resolver that is missing here fails. */
const POLICIES: Record<string, readonly [Scope | 'any', string]> = {
  'Query.me': ['any', '{ me { kind } }'],
  'Query.track': ['tracks:read', `{ track(isrc: "${ISRC}") { isrc } }`],
  'Query.tracks': ['tracks:read', '{ tracks { nodes { isrc } } }'],
  'Query.tracksByIsrc': ['tracks:read', `{ tracksByIsrc(isrcs: ["${ISRC}"]) { isrc } }`],
  'Query.artist': ['tracks:read', '{ artist(id: "x") { id } }'],
  'Query.artists': ['tracks:read', '{ artists { nodes { id } } }'],
  'Query.import': ['imports:read', '{ import(id: "x") { id } }'],
  'Mutation.addTrack': ['tracks:write', `mutation { addTrack(isrc: "${ISRC}") { isrc } }`],
  'Mutation.refreshTrack': ['tracks:write', `mutation { refreshTrack(isrc: "${ISRC}") { isrc } }`],
  'Mutation.removeTrack': ['tracks:write', 'mutation { removeTrack(isrc: "QZDWX2600001") }'],
  'Mutation.startImport': ['imports:write', 'mutation { startImport(isrcs: ["x"]) { id } }'],
  'Mutation.cancelImport': ['imports:write', 'mutation { cancelImport(id: "x") { id } }'],
  'Artist.trackCount': ['tracks:read', ''],
  'Artist.tracks': ['tracks:read', ''],
};

/** Marks of Nest on methods that are resolvers, of root fields and others. */
const KINDS = ['graphql:resolver_type', 'graphql:resolve_property'];

let service: TestApp;
beforeAll(async () => {
  service = await startApp({ CLIENT_REQUESTS_PER_MINUTE: '0' });
});
afterAll(() => service.stop());

it('the table names every field that has a resolver, and each declares the policy that it has', () => {
  const declared: Record<string, string> = {};
  const providers = [...service.app.get(ModulesContainer).values()].flatMap((each) => [
    ...each.providers.values(),
  ]);
  for (const { metatype } of providers) {
    if (typeof metatype !== 'function' || metatype.prototype === undefined) continue;
    for (const { value } of Object.values(Object.getOwnPropertyDescriptors(metatype.prototype))) {
      if (typeof value !== 'function' || value === metatype) continue;
      if (!KINDS.some((key) => Reflect.hasMetadata(key, value))) continue;
      const own = Reflect.getMetadata('graphql:resolver_type', value) as string | undefined;
      const name = Reflect.getMetadata('graphql:resolver_name', value) as string | undefined;
      const policy = Reflect.getMetadata(POLICY, value) as Policy | undefined;
      const parent = own !== undefined && ['Query', 'Mutation'].includes(own) ? own : 'Artist';
      declared[`${parent}.${name ?? value.name}`] =
        policy?.kind === 'scope' ? policy.scope : policy?.kind === 'any-token' ? 'any' : 'no policy';
    }
  }
  expect(declared).toEqual(
    Object.fromEntries(Object.entries(POLICIES).map(([name, [policy]]) => [name, policy])),
  );
  const { schema } = service.app.get(GraphQLSchemaHost, { strict: false });
  const resolved = Object.values(schema.getTypeMap()).flatMap((type) =>
    isObjectType(type) && !type.name.startsWith('__')
      ? Object.values(type.getFields())
          .filter(({ resolve }) => resolve !== undefined)
          .map(({ name }) => `${type.name}.${name}`)
      : [],
  );
  expect(resolved.sort()).toEqual(Object.keys(POLICIES).sort());
});

it('each is given to its scope alone, and refused to all others as REST refuses', async () => {
  for (const scope of SCOPES) {
    const { text: token } = await service.app.get(ApiTokensService).create(scope, [scope], null);
    for (const [name, [policy, query]] of Object.entries(POLICIES)) {
      if (query === '') continue;
      const { status, headers } = await ask(service, query, { token });
      const mayCall = policy === 'any' || policy === scope;
      const challenge = `Bearer realm="deadwax", error="insufficient_scope", scope="${policy}"`;
      expect([name, scope, status, headers.get('www-authenticate')]).toEqual([
        name,
        scope,
        mayCall ? 200 : 403,
        mayCall ? null : challenge,
      ]);
    }
  }
});
