import { createHash } from 'node:crypto';
import { TracksService } from '../../src/tracks/tracks.service';
import { aRecording, isrcOf } from '../builders/recording';
import { type Answer, startApp, type TestApp } from '../support/app';
import { ask, codesOf } from '../support/graphql';

const LEGACY = 'application/json';
const RESPONSE = 'application/graphql-response+json';
const BOTH = [LEGACY, RESPONSE] as const;
const QUERY = `query ($isrc: String!) { track(isrc: $isrc) { title } }`;
const QUOTA = 1000;

let service: TestApp;
beforeAll(async () => {
  service = await startApp({ CLIENT_REQUESTS_PER_MINUTE: String(QUOTA) });
  const recordings = Array.from({ length: 12 }, (_, at) => aRecording({ isrc: isrcOf(at) }));
  await service.app.get(TracksService).storeRecordings(recordings, { onlyIfStored: false });
});
afterAll(() => service.stop());

/** A token of its own, so that its allowance is whole. */
async function freshToken(): Promise<string> {
  const { body } = await service.call('POST', '/v1/tokens', { json: { name: 'fresh', role: 'admin' } });
  return body.token as string;
}
const typeOf = ({ headers }: Answer) => (headers.get('content-type') ?? '').split(';')[0];
const get = (parameters: Record<string, string>, headers: Record<string, string> = {}) =>
  service.call('GET', `/graphql?${new URLSearchParams(parameters).toString()}`, { headers });

describe('media types and status codes', () => {
  it.each([
    ['application/json', LEGACY],
    ['application/graphql-response+json', RESPONSE],
    ['application/graphql-response+json, application/json;q=0.9', RESPONSE],
    ['application/graphql-response+json; charset=utf-8', RESPONSE],
    ['*/*', LEGACY],
    ['application/*', LEGACY],
  ])('Accept: %s gets %s', async (accept, type) => {
    const answer = await ask(service, '{ me { subject } }', { accept });
    expect([answer.status, typeOf(answer)]).toEqual([200, type]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('vary')).toContain('Accept');
  });

  it('an operation that breaks a rule is 400, and 200 in the old form', async () => {
    const faulty = [
      '{ nonsense }',
      '{ me { subject ',
      '',
      'query A { me { subject } } query B { me { subject } }',
      'subscription { me { subject } }',
      'query ($isrc: String!) { track(isrc: $isrc) { title } }',
    ];
    for (const query of faulty) {
      for (const [accept, status] of [
        [RESPONSE, 400],
        [LEGACY, 200],
      ] as const) {
        const answer = await ask(service, query, { accept });
        expect([query, answer.status, new Set(codesOf(answer))]).toEqual([
          query,
          status,
          new Set(['invalid-request']),
        ]);
        expect(answer.body.data).toBeUndefined();
      }
    }
  });

  it('what a field could not give is 200 in either form, with the rest', async () => {
    for (const accept of BOTH) {
      const query = `{ track(isrc: "${isrcOf(999)}") { title } me { kind } }`;
      const answer = await ask(service, query, { accept });
      expect([answer.status, answer.body.data]).toEqual([200, { track: null, me: { kind: 'api-token' } }]);
      expect(codesOf(answer)).toEqual(['track-not-found']);
    }
  });

  it('a request of another form is 400 in either', async () => {
    const bodies = [
      {},
      { query: 1 },
      { query: '{ me { kind } }', variables: 'x' },
      { query: '{ me { kind } }', variables: [1] },
      { query: '{ me { kind } }', operationName: 1 },
      { query: '{ me { kind } }', extensions: 'x' },
      { query: '{ me { kind } }', other: 1 },
      'text',
      null,
      [{ query: '{ me { kind } }' }],
    ];
    for (const json of bodies) {
      for (const accept of BOTH) {
        const answer = await service.call('POST', '/graphql', { json, headers: { accept } });
        expect([json, answer.status, typeOf(answer), codesOf(answer)]).toEqual([
          json,
          400,
          accept,
          ['invalid-request'],
        ]);
      }
    }
    const elsewhere = await service.call('POST', '/graphql?other=1', { json: { query: '{ me { kind } }' } });
    expect([elsewhere.status, codesOf(elsewhere)]).toEqual([400, ['invalid-request']]);
    expect(elsewhere.text).toContain('other');
    const broken = await service.call('POST', '/graphql', {
      body: '{"query":',
      headers: { 'content-type': LEGACY },
    });
    expect([broken.status, codesOf(broken)]).toEqual([400, ['invalid-request']]);
    const none = await service.call('POST', '/graphql', { headers: { 'content-type': LEGACY } });
    expect([none.status, codesOf(none)]).toEqual([400, ['invalid-request']]);
  });

  it('what a form or a plain text could send from another site is refused', async () => {
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
    ]) {
      const body = '{"query":"mutation { removeTrack(isrc: \\"QZDWX2600001\\") }"}';
      const answer = await service.call('POST', '/graphql', { body, headers: { 'content-type': type } });
      expect([type, answer.status, codesOf(answer)]).toEqual([type, 415, ['unsupported-media-type']]);
    }
    expect((await service.call('GET', `/v1/tracks/${isrcOf(1)}`)).status).toBe(200);
  });

  it('what is too large, or wanted in another form, is refused as anywhere', async () => {
    const large = await ask(service, QUERY, { variables: { isrc: 'x'.repeat(1024 * 1024) } });
    expect([large.status, codesOf(large)]).toEqual([413, ['payload-too-large']]);
    const other = await ask(service, QUERY, { accept: 'application/xml' });
    expect([other.status, codesOf(other)]).toEqual([406, ['not-acceptable']]);
    expect((await service.call('DELETE', '/graphql')).headers.get('allow')).toBe('GET, HEAD, POST');
  });
});

describe('GET', () => {
  it('takes queries, their variables and their names', async () => {
    const variables = JSON.stringify({ isrc: isrcOf(1) });
    const answer = await get({
      query: `query A { me { kind } } ${QUERY.replace('query', 'query B')}`,
      operationName: 'B',
      variables,
    });
    expect([answer.status, answer.body.data]).toEqual([200, { track: { title: 'A Song' } }]);
    const unnamed = await get({ query: '{ me { kind } }', operationName: '', variables: '', extensions: '' });
    expect(unnamed.body).toMatchObject({ data: { me: { kind: 'api-token' } } });
    for (const wrong of [
      { query: QUERY, variables: '{' },
      { query: QUERY, variables: '[]' },
      {},
      { query: QUERY, nonsense: '1' },
    ] as Record<string, string>[]) {
      const refused = await get(wrong);
      expect([wrong, refused.status]).toEqual([wrong, 400]);
    }
  });

  it('takes no mutation, whatever else the document has', async () => {
    const mutation = `mutation M { removeTrack(isrc: "${isrcOf(1)}") }`;
    for (const parameters of [
      { query: mutation },
      { query: `query Q { me { kind } } ${mutation}`, operationName: 'M' },
    ] as Record<string, string>[]) {
      for (const accept of BOTH) {
        const answer = await get(parameters, { accept });
        expect([answer.status, answer.headers.get('allow'), codesOf(answer)]).toEqual([
          405,
          'POST',
          ['method-not-allowed'],
        ]);
      }
    }
    expect((await service.call('GET', `/v1/tracks/${isrcOf(1)}`)).status).toBe(200);
  });

  it('takes no token in the query', async () => {
    const answer = await service.call(
      'GET',
      `/graphql?query={__typename}&access_token=${service.tokens.admin}`,
      { token: null },
    );
    expect([answer.status, codesOf(answer)]).toEqual([401, ['unauthenticated']]);
  });
});

describe('limits', () => {
  const left = ({ headers }: Answer) => Number(/r=(\d+)/.exec(headers.get('ratelimit') ?? '')?.[1]);

  it('G02 sixteen aliases of one look-up are refused, and fifteen charged for each', async () => {
    const aliases = (count: number) =>
      `{ ${Array.from({ length: count }, (_, at) => `a${at}: track(isrc: "${isrcOf(1)}") { isrc }`).join(' ')} }`;
    for (const accept of BOTH) {
      const refused = await ask(service, aliases(16), { accept });
      expect([refused.status, codesOf(refused)]).toEqual([400, ['invalid-request']]);
    }
    const token = await freshToken();
    const answer = await ask(service, aliases(15), { token });
    expect([answer.status, answer.body.extensions, left(answer)]).toEqual([200, { cost: 15 }, QUOTA - 15]);
    // One call of REST is one unit more, of the same allowance.
    expect(left(await service.call('GET', '/v1/me', { token }))).toBe(QUOTA - 16);
  });

  it('what is left of an allowance decides: an operation that costs more is not executed', async () => {
    const token = await freshToken();
    const query = `query ($first: Int!) { artists(first: $first) { nodes { tracks(first: 1) { nodes { isrc } } } } }`;
    for (const spent of [201, 402, 603, 804]) {
      expect(left(await ask(service, query, { token, variables: { first: 200 } }))).toBe(QUOTA - spent);
    }
    const over = await ask(service, query, { token, variables: { first: 200 } });
    expect([over.status, codesOf(over), over.headers.get('retry-after')]).toEqual([
      429,
      ['rate-limited'],
      expect.stringMatching(/^\d+$/),
    ]);
    expect(left(await ask(service, query, { token, variables: { first: 100 } }))).toBe(QUOTA - 804 - 1 - 101);
  });

  it('what is refused is charged as one call', async () => {
    const token = await freshToken();
    await ask(service, '{ nonsense }', { token });
    await ask(service, `{ ${'a '.repeat(2000)} }`, { token });
    expect(left(await service.call('GET', '/v1/me', { token }))).toBe(QUOTA - 3);
  });

  it('too many tokens or directives are refused before the rest is looked at', async () => {
    const tokens = `{ ${'me { kind } '.repeat(300)} }`;
    const directives = `{ me ${'@skip(if: false) '.repeat(21)} { kind } }`;
    for (const query of [tokens, directives]) {
      const answer = await ask(service, query, { accept: LEGACY });
      expect([answer.status, codesOf(answer)]).toEqual([400, ['invalid-request']]);
      expect(answer.body.errors[0].message).toMatch(/more than \d+ (tokens|directives)/);
    }
  });

  it('fragments that go round or explode are refused in time', async () => {
    const round = 'query { ...A } fragment A on Query { me { kind } ...B } fragment B on Query { ...A }';
    const exploding = Array.from(
      { length: 30 },
      (_, at) => `fragment F${at} on Query { ${at === 29 ? 'me { kind }' : `...F${at + 1} ...F${at + 1}`} }`,
    ).join(' ');
    for (const query of [round, `{ ...F0 } ${exploding}`, `{ me { ...A } } fragment A on Me { ...A }`]) {
      const startedAt = performance.now();
      const answer = await ask(service, query);
      expect([400, 200]).toContain(answer.status);
      expect(performance.now() - startedAt).toBeLessThan(5_000);
    }
    for (const accept of BOTH) {
      const refused = await ask(service, `{ ...F0 } ${exploding}`, { accept });
      expect([refused.status, codesOf(refused)]).toEqual([400, ['invalid-request']]);
      expect(refused.text).toContain('"limit":10000');
    }
  });

  it('`first` is 1 to 200, and a cursor is of its own list', async () => {
    for (const first of [0, -1, 201, 1e6]) {
      const answer = await ask(service, `{ tracks(first: ${first}) { nodes { isrc } } }`);
      expect([answer.status, answer.body.data, codesOf(answer)]).toEqual([
        200,
        { tracks: null },
        ['invalid-request'],
      ]);
      expect(answer.body.errors[0].extensions.errors).toEqual([
        { field: 'first', message: 'must be a whole number from 1 to 200' },
      ]);
    }
    const { body } = await ask(service, '{ tracks(first: 1) { pageInfo { endCursor } } }');
    const cursor = body.data.tracks.pageInfo.endCursor as string;
    for (const after of [`${cursor}x`, 'nonsense', '']) {
      const answer = await ask(service, `{ tracks(after: "${after}") { nodes { isrc } } }`);
      expect(answer.body.errors[0].extensions).toMatchObject({
        code: 'invalid-request',
        errors: [{ field: 'after' }],
      });
    }
    const elsewhere = await ask(
      service,
      `{ tracks(filter: { title: "song" }, after: "${cursor}") { nodes { isrc } } }`,
    );
    expect(codesOf(elsewhere)).toEqual(['invalid-request']);
  });
});

describe('persisted queries', () => {
  const hash = (text: string) => createHash('sha256').update(text).digest('hex');
  const send = (json: unknown, accept: string = RESPONSE) =>
    service.call('POST', '/graphql', { json, headers: { accept } });
  const extensionsOf = (sha256Hash: string) => ({ persistedQuery: { version: 1, sha256Hash } });

  it('are asked for, sent once with their hash, and known by it from then on, by GET too', async () => {
    const query = '{ me { kind } } # persisted';
    const extensions = extensionsOf(hash(query));
    const unknown = await send({ extensions });
    expect([unknown.status, codesOf(unknown), unknown.body.errors[0].message]).toEqual([
      400,
      ['PERSISTED_QUERY_NOT_FOUND'],
      'PersistedQueryNotFound',
    ]);
    expect((await send({ extensions }, LEGACY)).status).toBe(200);
    expect((await send({ query, extensions })).body.data).toEqual({ me: { kind: 'api-token' } });
    expect((await send({ extensions })).body.data).toEqual({ me: { kind: 'api-token' } });
    expect((await get({ extensions: JSON.stringify(extensions) })).body.data).toEqual({
      me: { kind: 'api-token' },
    });
  });

  it('are not kept under the hash of something else, nor where they are faulty', async () => {
    const wrong = await send({ query: '{ me { kind } }', extensions: extensionsOf(hash('other')) });
    expect([wrong.status, codesOf(wrong)]).toEqual([400, ['invalid-request']]);
    const faulty = '{ nonsense }';
    await send({ query: faulty, extensions: extensionsOf(hash(faulty)) });
    for (const text of ['other', faulty])
      expect(codesOf(await send({ extensions: extensionsOf(hash(text)) }))).toEqual([
        'PERSISTED_QUERY_NOT_FOUND',
      ]);
  });
});
