import { type Answer, startApp, type TestApp } from '../support/app';

/* On the sample catalogue. */

const STORED = ['USWB10102873', 'USSM17000327'];

describe('POST /v1/tracks/lookup', () => {
  let service: TestApp;
  beforeAll(async () => {
    service = await startApp();
    for (const isrc of STORED) {
      expect((await service.call('POST', '/v1/tracks', { json: { isrc } })).status).toBe(201);
    }
  });
  afterAll(() => service.stop());

  const lookup = (isrcs: unknown): Promise<Answer> =>
    service.call('POST', '/v1/tracks/lookup', { json: { isrcs } });
  const codes = (count: number): string[] =>
    Array.from({ length: count }, (_, at) => `ZZABC24${String(at).padStart(5, '0')}`);

  it('answers each entry in the order asked: found, missing, invalid, and asked twice', async () => {
    const [first = '', second = ''] = STORED;
    const inputs = [second, 'ZZABC2400001', ' us-wb1-01-02873 ', 'no code', '', first, second, '__proto__'];
    const { status, body } = await lookup(inputs);
    expect(status).toBe(200);
    expect(body.results.map((entry: { input: string }) => entry.input)).toEqual(inputs);
    expect(
      body.results.map(({ isrc, status, track }: Record<string, { isrc?: string } | undefined>) => [
        isrc,
        status,
        track?.isrc,
      ]),
    ).toEqual([
      [second, 'found', second],
      ['ZZABC2400001', 'missing', undefined],
      [first, 'found', first],
      [null, 'invalid', undefined],
      [null, 'invalid', undefined],
      [first, 'found', first],
      [second, 'found', second],
      [null, 'invalid', undefined],
    ]);
    expect(body.results[0].track).toEqual((await service.call('GET', `/v1/tracks/${second}`)).body);
    expect(body.results[1]).toEqual({
      input: 'ZZABC2400001',
      isrc: 'ZZABC2400001',
      status: 'missing',
      track: null,
    });
  });

  it('asks the source for nothing: what is missing stays missing', async () => {
    const { body } = await lookup(['USRE19900417']);
    expect(body.results[0].status).toBe('missing');
    expect((await service.call('GET', '/v1/tracks')).body.items).toHaveLength(STORED.length);
  });

  it.each([
    [0, 400],
    [1, 200],
    [1000, 200],
    [1001, 400],
  ])('I02 takes %i entries with %i', async (count, expected) => {
    const answer = await lookup(codes(count));
    expect(answer.status).toBe(expected);
    if (expected === 400) expect(answer.body.errors[0].field).toBe('isrcs');
    else expect(answer.body.results).toHaveLength(count);
  });

  it('I02 answers a thousand times the same as once', async () => {
    const { body } = await lookup(Array<string>(1000).fill(STORED[0] ?? ''));
    expect(body.results).toHaveLength(1000);
    expect(new Set(body.results.map((entry: unknown) => JSON.stringify(entry))).size).toBe(1);
    expect(body.results[999].status).toBe('found');
  });

  it('names the entry that is no text', async () => {
    const answer = await lookup(['ZZABC2400001', 12, null]);
    expect(answer.status).toBe(400);
    expect(answer.body.errors.map(({ field }: { field: string }) => field)).toEqual(['isrcs.1', 'isrcs.2']);
  });
});
