import { type Answer, startApp, type TestApp } from '../support/app';
import { expectProblem } from './problem-check';

/* Inputs that are wrong in themselves. On the sample catalogue, of which none of the codes here is a part. */

let service: TestApp;
beforeAll(async () => {
  service = await startApp();
});
afterAll(() => service.stop());
// Whatever was sent: nothing is stored, and nothing has a new property.
afterEach(async () => {
  expect((await service.call('GET', '/v1/tracks')).body).toEqual({ items: [], nextCursor: null });
  expect((await service.call('GET', '/v1/artists')).body).toEqual({ items: [], nextCursor: null });
  expect(({} as Record<string, unknown>)['x']).toBeUndefined();
});

const post = (path: string, json: unknown): Promise<Answer> => service.call('POST', path, { json });
const send = (path: string, body: string): Promise<Answer> =>
  service.call('POST', path, { body, headers: { 'content-type': 'application/json' } });
const fieldsOf = (answer: Answer): string[] =>
  answer.body.errors.map(({ field }: { field: string }) => field);
const query = (parameters: Record<string, string>): string => new URLSearchParams(parameters).toString();

/** The table of shared/design/isrc-table.md; what is accepted is in no catalogue, and so a miss everywhere. */
const ISRC_TABLE: Record<string, { accepted?: [string, string][]; refused?: string[] }> = {
  V01: {
    accepted: [
      'USPR37300012',
      'AA6Q72000047',
      'GX26J2400002',
      'FXR592300639',
      'QZES51234567',
      'ZZZZZ1234567',
      'TCABC1900000',
    ].map((code) => [code, code]),
  },
  V02: { accepted: ['uspr37300012', 'UsPr37300012'].map((text) => [text, 'USPR37300012']) },
  V03: {
    accepted: ['US-PR3-73-00012', 'US PR3 73 00012', ' USPR37300012 ', '\tUSPR37300012\r\n'].map((text) => [
      text,
      'USPR37300012',
    ]),
  },
  V04: {
    accepted: ['ISRC US-PR3-73-00012', 'ISRC:USPR37300012', 'ISRC: USPR37300012', 'isrc uspr37300012'].map(
      (text) => [text, 'USPR37300012'],
    ),
  },
  V05: {
    accepted: Array.from('\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u00a0').map((dash) => [
      ['US', 'PR3', '73', '00012'].join(dash),
      'USPR37300012',
    ]),
  },
  V06: {
    refused: ['USPR3730001', 'USPR373000128', 'USPR37300012X', 'USPR37300012 (live)', 'USPR37300012\u0000'],
  },
  V07: { refused: ['12PR37300012', 'U1PR37300012', '1SPR37300012'] },
  V08: { refused: ['USPR3A300012', 'USPR373O0012', 'USPR3I300012'] },
  V09: { refused: ['US_PR3_73_00012', 'US.PR3.73.00012', 'US/PR3/73/00012'] },
  V10: { refused: ['DUM_22832', 'N/A', 'null', 'undefined', '0', '-', '----', 'ISRC', 'ISRC:'] },
  V11: {
    refused: ['ＵＳＰＲ３７３０００１２', 'USPR3٧٣٠٠٠١٢', 'UЅРR37300012', 'uſpr37300012', 'ıspr37300012'],
  },
  V12: { refused: ['USPR\u200d37300012', 'USPR\u200b37300012', 'USPR\u000037300012', '\ufeffUSPR3730001'] },
  V13: {
    refused: ['USP-R37-300-012', 'US--PR3-73-00012', 'US- PR3-73-00012', '-USPR37300012', 'US-PR3-73-00012-'],
  },
  V14: {
    accepted: ['XXABC2400001', 'USABC9900001', 'USABC2700001'].map((code) => [code, code]),
  },
  V15: { accepted: ['AA6Q72000047', 'USJMK4000001'].map((code) => [code, code]) },
  V16: {
    refused: [
      'USPR37300012;USPR37300013',
      'USPR37300012,USPR37300013',
      'USPR37300012/USPR37300013',
      'USPR37300012 USPR37300013',
    ],
  },
  Iceland: {
    accepted: ['ISRC12345678', 'isrc12345678', 'IS-RC1-23-45678', 'ISRC IS-RC1-23-45678'].map((text) => [
      text,
      'ISRC12345678',
    ]),
  },
  surrogates: { refused: ['USPR3730001\ud83d', '🎸🎸🎸🎸🎸🎸'] },
};

describe('I01 the same verdict at every door', () => {
  it.each(Object.entries(ISRC_TABLE))('%s', async (_row, { accepted = [], refused = [] }) => {
    for (const [text, canonical] of accepted) {
      const path = `/v1/tracks/${encodeURIComponent(text)}`;
      expectProblem(await service.call('GET', path), 'track-not-found', path);
      expectProblem(await post('/v1/tracks', { isrc: text }), 'recording-not-found');
      const { body } = await post('/v1/tracks/lookup', { isrcs: [text] });
      expect(body.results).toEqual([{ input: text, isrc: canonical, status: 'missing', track: null }]);
    }
    for (const text of refused) {
      if (!/\p{Surrogate}/u.test(text)) {
        const path = `/v1/tracks/${encodeURIComponent(text)}`;
        for (const [method, rest] of [
          ['GET', ''],
          ['DELETE', ''],
          ['POST', '/refresh'],
          ['GET', '/candidates'],
        ] as const) {
          expectProblem(await service.call(method, path + rest), 'invalid-isrc');
        }
      }
      const refusal = await post('/v1/tracks', { isrc: text });
      expectProblem(refusal, 'invalid-isrc', '/v1/tracks');
      expect(fieldsOf(refusal)).toEqual(['isrc']);
      const { body } = await post('/v1/tracks/lookup', { isrcs: [text] });
      expect(body.results).toMatchObject([{ isrc: null, status: 'invalid', track: null }]);
    }
  });

  it('V08 points at O/0 and I/1', async () => {
    for (const isrc of ['USPR373O0012', 'USPR3I300012']) {
      expect((await post('/v1/tracks', { isrc })).body.detail).toMatch(/O\/0.*I\/1/);
    }
  });

  it('an empty text', async () => {
    for (const isrc of ['', ' ']) expectProblem(await post('/v1/tracks', { isrc }), 'invalid-isrc');
  });

  it('names the value, cut to 40 characters', async () => {
    const { body } = await post('/v1/tracks', { isrc: `<b>${'x'.repeat(100)}` });
    expect(body.detail).toContain(`"<b>${'x'.repeat(37)}…"`);
    expect(body.detail).not.toContain('x'.repeat(38));
  });
});

describe('V17 I08 what is no text', () => {
  it.each([12, 1.5, true, false, null, [], ['USPR37300012'], {}, { isrc: 'USPR37300012' }])(
    '%j in place of a code',
    async (value) => {
      const added = await post('/v1/tracks', { isrc: value });
      expectProblem(added, 'invalid-request', '/v1/tracks');
      expect(fieldsOf(added)).toEqual(['isrc']);
      const looked = await post('/v1/tracks/lookup', { isrcs: ['USPR37300012', value] });
      expectProblem(looked, 'invalid-request', '/v1/tracks/lookup');
      expect(fieldsOf(looked)).toEqual(['isrcs.1']);
      if (!Array.isArray(value))
        expectProblem(await post('/v1/tracks/lookup', { isrcs: value }), 'invalid-request');
    },
  );

  it.each(['12', '"text"', 'true', 'null', '[]', '[{"isrc":"USPR37300012"}]', '{}', ''])(
    '%s as a body',
    async (body) => {
      for (const path of ['/v1/tracks', '/v1/tracks/lookup'])
        expectProblem(await send(path, body), 'invalid-request', path);
    },
  );

  it('in a body that must be empty', async () => {
    for (const body of ['[]', '1', '{"isrc":"USPR37300012"}'])
      expectProblem(await send('/v1/tracks/USPR37300012/refresh', body), 'invalid-request');
  });
});

it('V18 a text of 1 MB is refused at once', async () => {
  const isrc = '-'.repeat(1024 * 1024 - 100);
  const startedAt = Date.now();
  expectProblem(await post('/v1/tracks', { isrc }), 'invalid-isrc');
  expect(Date.now() - startedAt).toBeLessThan(5_000);
});

describe('I04 keys that reach for prototypes', () => {
  it.each([
    ['{"isrc":"USPR37300012","__proto__":{"x":1}}', '__proto__'],
    ['{"isrc":"USPR37300012","constructor":{"prototype":{"x":1}}}', 'constructor'],
    ['{"isrc":"USPR37300012","prototype":{"x":1}}', 'prototype'],
    ['{"__proto__":{"isrc":"USPR37300012"}}', undefined],
    ['{"isrc":{"__proto__":{"x":1}}}', undefined],
  ])('%s', async (body, field) => {
    const answer = await send('/v1/tracks', body);
    expectProblem(answer, 'invalid-request', '/v1/tracks');
    if (field !== undefined && answer.body.errors.length > 0) expect(fieldsOf(answer)).toContain(field);
  });

  it.each(['a[__proto__][x]=1', '__proto__[x]=1', '__proto__=1', 'constructor.prototype.x=1', 'artist[]=x'])(
    '?%s',
    async (text) => {
      for (const path of ['/v1/tracks', '/v1/artists', '/v1/me', '/health/live']) {
        expectProblem(await service.call('GET', `${path}?${text}`), 'invalid-request', path);
      }
    },
  );
});

it.each(['role', 'tenantId', 'state', 'createdAt', 'id', 'title', 'ISRC', ''])(
  'I05 an extra field %j is named',
  async (field) => {
    const answer = await post('/v1/tracks', { isrc: 'USPR37300012', [field]: 'x' });
    expectProblem(answer, 'invalid-request');
    expect(fieldsOf(answer)).toEqual([field || '(no name)']);
    expectProblem(await post('/v1/tracks?dryRun=1', { isrc: 'USPR37300012' }), 'invalid-request');
  },
);

describe('I06 I07 text that means something elsewhere', () => {
  it.each([
    "' OR '1'='1",
    "'; DROP TABLE track; --",
    "' UNION SELECT token_hash FROM api_token --",
    "' AND SLEEP(5) --",
    "'; SELECT pg_sleep(5); --",
    "' || randomblob(1000000000) || '",
    '${7*7}{{7*7}}',
    '../../etc/passwd',
    '\\x27 OR 1',
    '%',
    '_',
    '\\',
  ])('%s', async (text) => {
    const startedAt = Date.now();
    for (const [path, name] of [
      ['/v1/tracks', 'artist'],
      ['/v1/tracks', 'title'],
      ['/v1/artists', 'name'],
    ] as const) {
      const answer = await service.call('GET', `${path}?${query({ [name]: text })}`);
      expect([answer.status, answer.body.items]).toEqual([200, []]);
    }
    for (const name of ['isrcPrefix', 'cursor', 'limit', text]) {
      expectProblem(await service.call('GET', `/v1/tracks?${query({ [name]: text })}`), 'invalid-request');
    }
    expectProblem(await post('/v1/tracks', { isrc: text }), 'invalid-isrc');
    const id = encodeURIComponent(text);
    expect([400, 404]).toContain((await service.call('GET', `/v1/artists/${id}`)).status);
    expect([400, 404]).toContain((await service.call('GET', `/v1/artists/${id}/tracks`)).status);
    expect(Date.now() - startedAt).toBeLessThan(4_500);
  });
});

it('I09 100 KB that nearly fit hold nobody up', async () => {
  const texts = ['US-', ' ', '\u00a0', 'ISRC:', '-', 'é', '\u0300', 'USPR3730001'].map((part) =>
    part.repeat(Math.floor(100_000 / part.length)),
  );
  let turns = 0;
  const turning = setInterval(() => turns++, 1);
  for (const text of texts) {
    expectProblem(await post('/v1/tracks', { isrc: text }), 'invalid-isrc');
    const { body } = await post('/v1/tracks/lookup', { isrcs: [text] });
    expect(body.results[0].status).toBe('invalid');
  }
  clearInterval(turning);
  // How long a text takes is not asserted, these machines are noisy: only that others had their turn between any two.
  expect(turns).toBeGreaterThan(texts.length);
});
