import { once } from 'node:events';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { DataSource } from 'typeorm';
import { startApp, type TestApp } from '../support/app';
import { rowsOf } from '../support/data-source';
import { finished, SAMPLES, upload } from '../support/imports';
import { expectProblem } from './problem-check';

/* Imports and exports over HTTP, on the sample catalogue. */

jest.setTimeout(120_000);

const [A = '', B = '', C = '', D = ''] = SAMPLES;
const CSV = `Title;ISRC\nx;${A}\n"a;\nb";${B}\n;\nz;nonsense\nw;${A}\nv;QZZZZ9900001\nu;${C} ${D}\n`;

let service: TestApp;
beforeAll(async () => {
  service = await startApp();
});
afterAll(() => service.stop());

const get = (path: string, options = {}) => service.call('GET', path, options);
const countImports = async (): Promise<number> =>
  ((await get('/v1/imports?limit=200')).body.items as unknown[]).length;

describe('an import', () => {
  let id: string;

  it('is made of CSV, and comes to its end', async () => {
    const answer = await upload(service, 'text/csv', CSV);
    expect([answer.status, answer.headers.get('location')]).toEqual([202, `/v1/imports/${answer.body.id}`]);
    expect(answer.body).toMatchObject({
      total: 6,
      status: 'queued',
      processed: 3,
      finishedAt: null,
      resumesAt: null,
    });
    id = answer.body.id as string;
    expect(await finished(service, id)).toMatchObject({
      status: 'completed',
      total: 6,
      processed: 6,
      counts: {
        created: 2,
        existing: 0,
        refreshed: 0,
        duplicate: 1,
        notFound: 1,
        invalid: 2,
        failed: 0,
        pending: 0,
      },
      etaSeconds: 0,
      createdBy: expect.stringMatching(/^tok_/),
      finishedAt: expect.any(String),
    });
    expect((await get(`/v1/tracks/${A}`)).status).toBe(200);
  });

  it('shows its rows in the order of the file, by status and by page', async () => {
    const { body } = await get(`/v1/imports/${id}/rows`);
    expect(body.items).toEqual([
      { line: 2, input: A, isrc: A, status: 'created', problem: null },
      { line: 3, input: B, isrc: B, status: 'created', problem: null },
      {
        line: 6,
        input: 'nonsense',
        isrc: null,
        status: 'invalid',
        problem: expect.stringMatching(/^invalid-isrc: /),
      },
      { line: 7, input: A, isrc: A, status: 'duplicate', problem: null },
      {
        line: 8,
        input: 'QZZZZ9900001',
        isrc: 'QZZZZ9900001',
        status: 'not-found',
        problem: expect.stringMatching(/^recording-not-found: /),
      },
      {
        line: 9,
        input: `${C} ${D}`,
        isrc: null,
        status: 'invalid',
        problem: expect.stringMatching(/2 codes/),
      },
    ]);
    const first = await get(`/v1/imports/${id}/rows?status=invalid&limit=1`);
    expect(first.body.items).toHaveLength(1);
    const next = /<(.*)>; rel="next"/.exec(first.headers.get('link') ?? '')?.[1] ?? '';
    const second = await get(next);
    expect(second.body).toMatchObject({ items: [{ line: 9 }], nextCursor: null });
    const cursor = encodeURIComponent(first.body.nextCursor as string);
    expectProblem(await get(`/v1/imports/${id}/rows?cursor=${cursor}`), 'invalid-request');
    expectProblem(await get(`/v1/imports/${id}/rows?status=done`), 'invalid-request');
  });

  it('gives its rows as files', async () => {
    const csv = await get(`/v1/imports/${id}/rows.csv`, { headers: { accept: 'text/csv' } });
    expect(csv.headers.get('content-type')).toMatch(/^text\/csv; charset=utf-8/);
    expect(csv.headers.get('content-disposition')).toBe(`attachment; filename="${id}.csv"`);
    expect(csv.text.split('\n').slice(0, 3)).toEqual([
      'line,input,isrc,status,problem',
      `2,${A},${A},created,`,
      `3,${B},${B},created,`,
    ]);
    expect(csv.text.split('\n')).toHaveLength(8);
    const lines = (await get(`/v1/imports/${id}/rows.ndjson`)).text.trim().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { line: number }).line)).toEqual([2, 3, 6, 7, 8, 9]);
    expect((await service.call('HEAD', `/v1/imports/${id}/rows.csv`)).text).toBe('');
    expectProblem(
      await get(`/v1/imports/${id}/rows.csv`, { headers: { accept: 'application/json' } }),
      'not-acceptable',
    );
  });

  it('finds what is stored without asking, and fetches it anew on request', async () => {
    const json = { isrcs: [A, B, D] };
    const again = await service.call('POST', '/v1/imports', { json });
    expect((await finished(service, again.body.id as string)).counts).toMatchObject({
      existing: 2,
      created: 1,
    });
    const anew = await service.call('POST', '/v1/imports?refresh=true', { json });
    expect((await finished(service, anew.body.id as string)).counts).toMatchObject({
      refreshed: 3,
      existing: 0,
    });
  });

  it.each([
    ['application/json', JSON.stringify({ isrcs: [A, B] })],
    ['application/json; charset=utf-8', JSON.stringify({ isrcs: [A, B] })],
    ['text/csv', `isrc\n${A}\n${B}\n`],
    ['text/csv', `${A}\r${B}\r\n`],
    ['application/x-ndjson', `"${A}"\n{"isrc":"${B}"}\n`],
    ['text/plain', `${A}\n\n${B}`],
  ])('is made of %s', async (type, body) => {
    const { status, body: view } = await upload(service, type, body);
    expect([status, view.total]).toEqual([202, 2]);
  });

  it('is made of what is compressed', async () => {
    const response = await fetch(`${service.url}/v1/imports`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${service.tokens.admin}`,
        'content-type': 'text/plain',
        'content-encoding': 'gzip',
      },
      body: new Uint8Array(gzipSync(`${A}\n`)),
    });
    expect(response.status).toBe(202);
  });

  it('S15 is seen by everyone who may read imports, and by nobody who may not', async () => {
    expect((await get(`/v1/imports/${id}`, { token: service.tokens.reader })).body.id).toBe(id);
    expectProblem(await get(`/v1/imports/${id}`, { token: service.tokens.operator }), 'insufficient-scope');
    for (const path of ['', '/rows', '/rows.csv', '/rows.ndjson', '/events'])
      expectProblem(await get(`/v1/imports/imp_0000000000000000${path}`), 'not-found');
    for (const verb of ['cancel', 'retry'])
      expectProblem(await service.call('POST', `/v1/imports/imp_0000000000000000/${verb}`), 'not-found');
  });

  it('stands in the list, the newest first', async () => {
    const { body } = await get('/v1/imports?limit=2');
    expect(body.items).toHaveLength(2);
    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page = await get(`/v1/imports?limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`);
      seen.push(
        ...(page.body.items as { id: string; createdAt: string }[]).map(
          (each) => `${each.createdAt} ${each.id}`,
        ),
      );
      cursor = page.body.nextCursor as string | null;
    }
    expect(seen.at(-1)).toContain(id);
    expect(seen).toEqual([...new Set(seen)].sort().reverse());
  });
});

describe('an upload that is refused', () => {
  it.each([
    ['no row', 'text/csv', 'isrc\n\n', '', 'invalid-request'],
    ['nothing at all', 'text/plain', '', '', 'invalid-request'],
    ['an empty list', 'application/json', '{"isrcs":[]}', '', 'invalid-request'],
    ['no column', 'text/csv', 'title\nx\n', '', 'invalid-request'],
    ['another column', 'text/csv', `isrc\n${A}\n`, '?column=code', 'invalid-request'],
    ['an unknown field', 'application/json', `{"isrcs":["${A}"],"state":"x"}`, '', 'invalid-request'],
    ['I08 what is no string', 'application/json', '{"isrcs":[{"$gt":""}]}', '', 'invalid-request'],
    ['A01 broken JSON', 'application/json', '{"isrcs":[', '', 'invalid-request'],
    ['an unknown parameter', 'text/plain', A, '?role=admin', 'invalid-request'],
    ['a parameter of another form', 'text/plain', A, '?refresh=yes', 'invalid-request'],
    ['an open quote', 'text/csv', `isrc\n${`${A}\n`.repeat(1000)}"${A}\n`, '', 'invalid-request'],
    ['another type', 'application/xml', '<x/>', '', 'unsupported-media-type'],
    ['the type of the stream itself', 'application/vnd.deadwax.stream', A, '', 'unsupported-media-type'],
  ] as const)('for %s keeps nothing', async (_, type, body, query, slug) => {
    const before = await countImports();
    expectProblem(await upload(service, type, body, query), slug, '/v1/imports');
    expect(await countImports()).toBe(before);
    const [left] = await rowsOf<{ n: unknown }>(
      service.app.get(DataSource),
      'SELECT COUNT(*) AS n FROM import_row WHERE import_id NOT IN (SELECT id FROM import)',
    );
    expect(Number(left?.n)).toBe(0);
  });

  // Read and refused before the database sees a row, whatever it is: once is enough for 164 MiB.
  if (DATABASE_ENGINE === 'sqlite') {
    it('I10 keeps nothing of what is too large', async () => {
      const before = await countImports();
      const text = `${A}\n${'\n'.repeat(64 * 1024 * 1024)}`;
      expectProblem(await upload(service, 'text/plain', text), 'payload-too-large');
      const bomb = new Uint8Array(gzipSync(Buffer.alloc(100 * 1024 * 1024, '\n')));
      const response = await fetch(`${service.url}/v1/imports`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${service.tokens.admin}`,
          'content-type': 'text/plain',
          'content-encoding': 'gzip',
        },
        body: bomb,
      });
      expect(response.status).toBe(413);
      expect(await countImports()).toBe(before);
    });
  }

  it('is not read where its sender may not send it', async () => {
    for (const [token, slug] of [[null, 'unauthenticated'], [service.tokens.reader, 'insufficient-scope']] as const) {
      const body = `${A}\n`.repeat(100_000);
      expectProblem(await service.call('POST', '/v1/imports', { token, body, headers: { 'content-type': 'text/plain' } }), slug);
    } // prettier-ignore
  });

  it('does not change what other routes read', async () => {
    for (const type of ['text/csv', 'text/plain', 'application/x-ndjson', 'application/vnd.deadwax.stream'])
      expectProblem(
        await service.call('POST', '/v1/tracks', { body: A, headers: { 'content-type': type } }),
        'unsupported-media-type',
      );
  });
});

describe('an upload that takes long', () => {
  /** Sends a part, and no more. */
  const begin = (part: Buffer, headers: Record<string, string> = {}) => {
    const sender = request(`${service.url}/v1/imports`, {
      method: 'POST',
      headers: { authorization: `Bearer ${service.tokens.admin}`, 'content-type': 'text/plain', ...headers },
    });
    sender.on('error', () => undefined); // it is broken off
    sender.write(part);
    return sender;
  };

  it('is one of a few of its caller, and does not keep out others', async () => {
    const senders = Array.from({ length: 4 }, () => begin(Buffer.from(`${A}\n`)));
    await sleep(300);
    const refused = await upload(service, 'text/plain', A);
    expectProblem(refused, 'rate-limited');
    expect(refused.headers.get('retry-after')).toBe('10');
    const other = await service.call('POST', '/v1/imports', {
      token: service.tokens.editor,
      body: A,
      headers: { 'content-type': 'text/plain' },
    });
    expect(other.status).toBe(202);
    senders[0]?.end();
    await once(senders[0] ?? begin(Buffer.from('')), 'response');
    expect((await upload(service, 'text/plain', A)).status).toBe(202);
    for (const sender of senders) sender.destroy();
    await sleep(200);
    expect((await upload(service, 'text/plain', A)).status).toBe(202);
  });

  it('may break off at any point, compressed or not, and leaves nothing', async () => {
    const gzip = gzipSync(`${A}\n`.repeat(100_000));
    const before = await countImports();
    for (const part of [1, 12, gzip.length - 8]) {
      const sender = begin(gzip.subarray(0, part), { 'content-encoding': 'gzip' });
      await sleep(part % 100);
      sender.destroy();
    }
    await sleep(200);
    expect(await countImports()).toBe(before);
    expect((await get('/health/live', { token: null })).status).toBe(200);
  });
});

describe('a call that is sent again', () => {
  const post = (key: string, body: string, query = '') =>
    upload(service, 'text/csv', body, query, { 'idempotency-key': key });

  it('A10 gets the first answer once more', async () => {
    const before = await countImports();
    const first = await post('a10', CSV);
    const again = await post('a10', CSV);
    expect([again.status, again.body, again.headers.get('location')]).toEqual([
      202,
      first.body,
      first.headers.get('location'),
    ]);
    expect([first, again].map(({ headers }) => headers.get('idempotency-replayed'))).toEqual([null, 'true']);
    expect(await countImports()).toBe(before + 1);
  });

  it('A11 is refused with another body, or other parameters', async () => {
    await post('a11', CSV);
    const before = await countImports();
    expectProblem(await post('a11', `${CSV}\n${D}`), 'idempotency-key-reused');
    expectProblem(await post('a11', CSV, '?refresh=true'), 'idempotency-key-reused');
    expect(await countImports()).toBe(before);
  });

  it('may use its key again where the first was refused', async () => {
    expectProblem(await post('again', 'title\nx\n'), 'invalid-request');
    expect((await post('again', CSV)).status).toBe(202);
  });

  it('A13 has a key of the documented form', async () => {
    for (const key of ['', 'x'.repeat(256), 'a b']) expectProblem(await post(key, CSV), 'invalid-request');
  });
});

describe('exports', () => {
  it('give all tracks as CSV, with the columns of the documents, and of a filter those that it lets pass', async () => {
    const all = await get('/v1/exports/tracks');
    expect(all.headers.get('content-type')).toMatch(/^text\/csv/);
    const [head = '', ...lines] = all.text.trim().split('\n');
    expect(head.split(',').slice(0, 3)).toEqual(['isrc', 'title', 'artists']);
    const stored = (await get('/v1/tracks?limit=200')).body.items as { isrc: string }[];
    expect(lines.map((line) => line.split(',')[0])).toEqual(stored.map(({ isrc }) => isrc));
    const some = await get(`/v1/exports/tracks?format=csv&isrcPrefix=${A.slice(0, 4)}`);
    expect(some.text.trim().split('\n')).toHaveLength(2);
  });

  it('give tracks as JSON lines, each as it is shown by itself', async () => {
    const { text, headers } = await get(`/v1/exports/tracks?format=ndjson&isrcPrefix=${A}`);
    expect(headers.get('content-type')).toMatch(/^application\/x-ndjson/);
    expect(JSON.parse(text)).toEqual((await get(`/v1/tracks/${A}`)).body);
  });

  it('are refused like lists', async () => {
    for (const query of ['?format=xml', '?limit=5', '?artist=', '?isrcPrefix=1'])
      expectProblem(await get(`/v1/exports/tracks${query}`), 'invalid-request');
    expect((await service.call('HEAD', '/v1/exports/tracks')).text).toBe('');
  });

  it('can be imported again', async () => {
    const { text } = await get('/v1/exports/tracks');
    const { body } = await upload(service, 'text/csv', text);
    expect((await finished(service, body.id as string)).counts).toMatchObject({ existing: body.total });
  });
});
