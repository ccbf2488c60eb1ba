import { type Answer, startApp, type TestApp } from '../support/app';
import { expectProblem } from '../e2e/problem-check';
import { type RawAnswer, sendRaw } from '../e2e/raw-http';

/* Requests that are wrong before any handler sees them. On the sample catalogue. */

const ISRC = 'USWB10102873';
const MIB = 1024 * 1024;

let service: TestApp;
beforeAll(async () => {
  service = await startApp();
});
afterAll(() => service.stop());
// Whatever was sent: nothing is stored, and the service still answers.
afterEach(async () => {
  expect((await service.call('GET', '/v1/tracks')).body).toEqual({ items: [], nextCursor: null });
});

const head = (line: string, ...headers: string[]): string =>
  [line, 'Host: localhost', `Authorization: Bearer ${service.tokens.admin}`, ...headers, '', ''].join('\r\n');
async function only(parts: (string | Buffer)[], options = {}): Promise<RawAnswer & { isClosed: boolean }> {
  const { answers, isClosed } = await sendRaw(service.url, parts, options);
  const [answer] = answers;
  if (answer === undefined || answers.length > 1)
    throw new Error(`${answers.length} answers in place of one`);
  return { ...answer, isClosed };
}
const post = (body: string, headers: Record<string, string>, path = '/v1/tracks'): Promise<Answer> =>
  service.call('POST', path, { body, headers });
const lookUp = (body: string, type: string): Promise<Answer> =>
  post(body, { 'content-type': type }, '/v1/tracks/lookup');

describe('A01 broken JSON', () => {
  it.each([
    '{"isrcs":[',
    '{"isrc":"USWB10102873"',
    '{isrc:1}',
    '{"isrc":"USWB10102873"}}',
    "{'isrc':1}",
    '\ufeff{',
    'NaN',
    '\u0000',
    '[[[[',
  ])('%j', async (body) => {
    for (const path of ['/v1/tracks', '/v1/tracks/lookup', `/v1/tracks/${ISRC}/refresh`]) {
      const answer = await post(body, { 'content-type': 'application/json' }, path);
      expectProblem(answer, 'invalid-request', path);
    }
  });
});

describe('A02 routes and methods', () => {
  it.each(['/', '/v1', '/v1/', '/v1/nothing', '/v2/tracks', '/v1/tracks/a/b/c', '/health/other', '/admin'])(
    'no route: %s',
    async (path) => {
      expectProblem(await service.call('GET', path), 'not-found', path);
      expectProblem(await service.call('POST', path, { token: null }), 'not-found', path);
    },
  );

  it.each([
    ['PUT', '/v1/tracks', 'GET, HEAD, POST'],
    ['DELETE', '/v1/tracks', 'GET, HEAD, POST'],
    ['PATCH', `/v1/tracks/${ISRC}`, 'DELETE, GET, HEAD'],
    ['POST', `/v1/tracks/${ISRC}`, 'DELETE, GET, HEAD'],
    ['PUT', '/v1/tracks/lookup', 'POST'],
    ['GET', `/v1/tracks/${ISRC}/refresh`, 'POST'],
    ['POST', '/v1/me', 'GET, HEAD'],
    ['DELETE', '/v1/artists', 'GET, HEAD'],
    ['POST', '/health/live', 'GET, HEAD'],
    ['OPTIONS', '/v1/tracks', 'GET, HEAD, POST'],
  ])('%s %s → 405 with Allow', async (method, path, allow) => {
    const answer = await service.call(method, path);
    expectProblem(answer, 'method-not-allowed', path);
    expect(answer.headers.get('allow')).toBe(allow);
  });

  it.each(['BREW /v1/tracks HTTP/1.1', 'get /v1/tracks HTTP/1.1', 'GET /v1/tracks HTTP/9.9', 'nonsense'])(
    '%s → 400 and close',
    async (line) => {
      const answer = await only([head(line)]);
      expectProblem(answer, 'invalid-request');
      expect(answer.isClosed).toBe(true);
    },
  );
});

it.each([
  '/%ZZ',
  '/v1/tracks/%ZZ',
  '/v1/tracks/%C0%AF',
  '/v1/tracks/%00',
  '/v1/tracks/%ED%A0%80',
  `/v1/tracks/${'..%2F'.repeat(100)}x`,
  `/${'../'.repeat(300)}etc/passwd`,
  `/v1/tracks/${ISRC}%00`,
  '/v1/artists/%FF',
  '/problems/%ZZ',
  '/problems/__proto__',
  '/problems/constructor',
  '//v1/tracks',
  '/v1/tracks?%ZZ=%ZZ',
  '/v1/tracks?artist=%FF%FE',
])('A03 %s → 4xx', async (target) => {
  const answer = await only([head(`GET ${target} HTTP/1.1`)]);
  if (answer.status === 200)
    expect(target).toMatch(/artist=%FF/); // a text like any other, which nothing has
  else expectProblem(answer, answer.status === 404 ? 'not-found' : slugOf(answer));
});
const slugOf = (answer: RawAnswer) =>
  answer.text.includes('invalid-isrc') ? ('invalid-isrc' as const) : ('invalid-request' as const);

describe('A04 too much', () => {
  it('of an address: 414', async () => {
    expectProblem(await service.call('GET', `/v1/tracks?title=${'x'.repeat(12_000)}`), 'uri-too-long');
    expectProblem(await service.call('GET', `/${'x'.repeat(12_000)}`), 'uri-too-long');
  });
  it.each([
    ['40 KB in one field', [`X-Much: ${'x'.repeat(40_000)}`]],
    ['3000 fields', Array.from({ length: 3000 }, (_, at) => `X-Field-${at}: ${at}`)],
  ])('of a header: 431 (%s)', async (_what, fields) => {
    const answer = await only([head('GET /v1/tracks HTTP/1.1', ...fields)]);
    expectProblem(answer, 'header-fields-too-large');
    expect(answer.isClosed).toBe(true);
  });
});

describe('A05 a body over the limit: 413', () => {
  const bodyOf = (bytes: number): string => {
    const frame = '{"isrcs":[""]}';
    return frame.replace('""', `"${'x'.repeat(bytes - frame.length)}"`);
  };
  it('with its length', async () => {
    const over = bodyOf(MIB + 1);
    expect(over).toHaveLength(MIB + 1);
    expectProblem(await lookUp(over, 'application/json'), 'payload-too-large');
    expect((await lookUp(bodyOf(MIB), 'application/json')).status).toBe(200);
  });
  it('in chunks, without reading to the end', async () => {
    const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(0x10000, 'x'), Buffer.from('\r\n')]);
    const line = head(
      'POST /v1/tracks/lookup HTTP/1.1',
      'Content-Type: application/json',
      'Transfer-Encoding: chunked',
    );
    const answer = await only([line, ...Array<Buffer>(17).fill(chunk)]);
    expectProblem(answer, 'payload-too-large');
  });
  it('announced only', async () => {
    const announced = head(
      'POST /v1/tracks HTTP/1.1',
      'Content-Type: application/json',
      `Content-Length: ${MIB + 1}`,
    );
    const answer = await only([announced]);
    expectProblem(answer, 'payload-too-large');
    expect(answer.isClosed).toBe(true);
  });
});

describe('A06 content types', () => {
  const body = JSON.stringify({ isrcs: ['no code'] });
  it.each([
    'text/plain',
    'application/json; charset=utf-16',
    'application/json;charset="utf-16"',
    'application/xml',
    'multipart/form-data; boundary=x',
    'application/x-www-form-urlencoded',
    'application/jsonp',
    'json',
    'a/b/c',
  ])('%s → 415', async (type) => {
    expectProblem(await lookUp(body, type), 'unsupported-media-type', '/v1/tracks/lookup');
  });
  it('missing → 415', async () => {
    const answer = await only([head('POST /v1/tracks HTTP/1.1', `Content-Length: ${body.length}`), body]);
    expectProblem(answer, 'unsupported-media-type');
  });
  it.each([
    'application/json',
    'APPLICATION/JSON',
    'application/json;charset=utf-8',
    'application/json ; charset=UTF-8',
    'application/json; charset="utf-8"',
  ])('%s is read, and validated', async (type) => {
    expect((await lookUp(body, type)).body.results[0].status).toBe('invalid');
    expectProblem(await lookUp('{"isrcs":1}', type), 'invalid-request');
  });
});

describe('A07 what is accepted', () => {
  const accepting = (accept: string): Promise<Answer> =>
    service.call('GET', '/v1/tracks', { headers: { accept } });
  it.each(['application/xml', 'text/html', 'application/json;q=0', '*/*;q=0', 'image/*'])(
    '%s → 406',
    async (accept) => {
      expectProblem(await accepting(accept), 'not-acceptable', '/v1/tracks');
    },
  );
  it.each([
    '*/*',
    'application/*',
    'application/json',
    'text/html, application/json;q=0.1',
    'application/xml, */*;q=0.01',
  ])('%s → JSON', async (accept) => {
    const answer = await accepting(accept);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([
      200,
      'application/json; charset=utf-8',
    ]);
  });
});

describe('A08 two readings of one request', () => {
  const smuggled = `POST /v1/tracks HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n`;
  it.each([
    ['length and chunks', ['Content-Length: 5', 'Transfer-Encoding: chunked'], '0\r\n\r\n'],
    ['two lengths', ['Content-Length: 0', 'Content-Length: 30'], ''],
    ['a folded header', ['X-Folded: a', ' b'], ''],
    ['a length that is none', ['Content-Length: +0'], ''],
    ['chunks that are none', ['Transfer-Encoding: xchunked'], ''],
    ['a space before the colon', ['Content-Length : 0'], ''],
  ])('%s → 400 and close, no second answer', async (_what, fields, body) => {
    const answer = await only([
      head('POST /v1/tracks HTTP/1.1', 'Content-Type: application/json', ...fields) + body + smuggled,
    ]);
    expectProblem(answer, 'invalid-request');
    expect(answer.isClosed).toBe(true);
  });
  it('a bare line feed → 400 and close', async () => {
    const answer = await only([`GET /health/live HTTP/1.1\nHost: x\n\n${smuggled}`]);
    expectProblem(answer, 'invalid-request');
    expect(answer.isClosed).toBe(true);
  });
});

describe('request ids and traces', () => {
  const idFor = async (given: string, path = '/health/live'): Promise<string | null> =>
    (await service.call('GET', path, { headers: { 'X-Request-Id': given } })).headers.get('x-request-id');
  it.each(['a', 'A-b_c.9', 'x'.repeat(128)])('%s is kept', async (given) => {
    for (const path of ['/health/live', '/v1/tracks', '/nothing', '/v1/tracks/bad', '/docs', '/problems']) {
      expect(await idFor(given, path)).toBe(given);
    }
  });
  it.each(['', 'x'.repeat(129), 'a b', 'a/b', 'ä', '<script>', 'a,b'])('%j is replaced', async (given) => {
    expect(await idFor(encodeURI(given) === given ? given : 'a%b')).toMatch(/^[0-9a-f-]{36}$/);
  });
  it.each([
    '00-00000000000000000000000000000000-0000000000000000-01',
    'ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    '00-0AF7651916CD43DD8448EB211C80319C-B7AD6B7169203331-01',
    'nonsense',
  ])('A17 traceparent %s: the call succeeds', async (traceparent) => {
    const headers = { traceparent, tracestate: 'a=b,'.repeat(2_500) };
    expect((await service.call('GET', '/v1/tracks', { headers })).status).toBe(200);
  });
});
