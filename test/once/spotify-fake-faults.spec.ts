import { createConnection } from 'node:net';
import { askToken, call, signedIn } from '../fakes/spotify/fake-caller';
import { fakeTrack } from '../fakes/spotify/fake-track';
import { Fault } from '../fakes/spotify/faults';
import { SpotifyFake, startSpotifyFake } from '../fakes/spotify/spotify-fake';

const ISRC = 'GBBKS1500214';
const TRACK = fakeTrack({ isrc: ISRC });
const SEARCH = `/search?q=isrc:${ISRC}&type=track&limit=10`;
const NOW = Date.UTC(2026, 10, 22, 12);

let fake: SpotifyFake;
let ask: Awaited<ReturnType<typeof signedIn>>;

beforeEach(async () => {
  fake = await startSpotifyFake({ catalogue: [TRACK], totalBugProbability: 0, now: () => NOW });
  ask = await signedIn(fake);
});
afterEach(() => fake.stop());

async function failing(fault: Fault): ReturnType<typeof ask> {
  fake.failNext(fault);
  return ask(SEARCH);
}

describe('answers in place of the right one', () => {
  it.each([
    [
      'json',
      'application/json; charset=utf-8',
      '{"error":{"status":429,"message":"API rate limit exceeded"}}',
    ],
    ['text', null, 'Too many requests'],
    ['empty', null, ''],
    [
      'quota',
      'application/json; charset=utf-8',
      '{"error":{"status":429,"message":"Too many requests","reason":"QUOTA_EXCEEDED"}}',
    ],
  ] as const)('429 with a body of the kind %s', async (body, type, text) => {
    const answer = await failing({ kind: 'rate-limit', body, retryAfter: 46_649 });
    expect([answer.status, answer.text, answer.headers.get('content-type')]).toEqual([429, text, type]);
    expect(answer.headers.get('retry-after')).toBe('46649');
    expect(fake.stats.rejected429).toBe(1);
  });

  it.each([
    [0, '0'],
    ['date', 'Sun, 22 Nov 2026 12:00:30 GMT'],
    ['missing', null],
    ['garbage', 'soon'],
  ] as const)('429 with Retry-After %s', async (retryAfter, header) => {
    const answer = await failing({ kind: 'rate-limit', retryAfter });
    expect(answer.headers.get('retry-after')).toBe(header);
  });

  it.each([500, 502, 503, 504] as const)('%i as JSON, text and page', async (status) => {
    const json = await failing({ kind: 'status', status });
    expect(json).toMatchObject({ status, json: { error: { status } } });
    const text = await failing({ kind: 'status', status, body: 'text' });
    expect([text.status, text.headers.get('content-type'), text.json]).toEqual([
      status,
      'text/plain',
      undefined,
    ]);
    const html = await failing({ kind: 'status', status, body: 'html' });
    expect([html.status, html.text.startsWith('<!DOCTYPE html>')]).toEqual([status, true]);
  });

  it('200 with an empty body, an error body, a page', async () => {
    expect(await failing({ kind: 'empty-body' })).toMatchObject({ status: 200, text: '' });
    expect(await failing({ kind: 'error-body' })).toMatchObject({
      status: 200,
      json: { error: { status: 503 } },
    });
    const page = await failing({ kind: 'html' });
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
  });

  it('401, 403, and a redirect whose follower is seen', async () => {
    const expired = await failing({ kind: 'invalid-token', cause: 'expired' });
    expect(expired.headers.get('www-authenticate')).toContain('The access token expired');
    expect(await failing({ kind: 'invalid-token' })).toMatchObject({ status: 401 });
    expect(await failing({ kind: 'forbidden' })).toMatchObject({ status: 403 });
    const redirect = await failing({ kind: 'redirect', status: 307 });
    expect([redirect.status, redirect.headers.get('location')]).toEqual([
      307,
      `${fake.accountsUrl}/__elsewhere`,
    ]);
    fake.failNext({ kind: 'redirect' });
    await fetch(`${fake.apiUrl}${SEARCH}`);
    expect(fake.stats.requests.at(-1)?.path).toBe('/__elsewhere');
  });
});

describe('faults of the connection', () => {
  it('stalls without an answer, or until it gives up', async () => {
    fake.failNext({ kind: 'stall' });
    await expect(call(`${fake.apiUrl}${SEARCH}`, { signal: AbortSignal.timeout(150) })).rejects.toMatchObject(
      {
        name: 'TimeoutError',
      },
    );
    expect(await failing({ kind: 'stall', ms: 30 })).toMatchObject({
      status: 504,
      text: 'upstream request timeout',
    });
  });

  it('drips the right answer', async () => {
    const right = await ask(SEARCH);
    const started = performance.now();
    const answer = await failing({ kind: 'drip', chunkBytes: 200, everyMs: 10 });
    expect(answer.json).toEqual(right.json);
    expect(performance.now() - started).toBeGreaterThan(50);
    fake.failNext({ kind: 'drip' });
    await expect(call(`${fake.apiUrl}${SEARCH}`, { signal: AbortSignal.timeout(200) })).rejects.toThrow();
  });

  it('resets before the headers and in the middle of the body', async () => {
    await expect(failing({ kind: 'reset' })).rejects.toMatchObject({ cause: { code: 'ECONNRESET' } });
    fake.failNext({ kind: 'reset', when: 'mid-body' });
    const { access_token: token } = (await askToken(fake)).json as { access_token: string };
    const response = await fetch(`${fake.apiUrl}${SEARCH}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(response.status).toBe(200);
    await expect(response.text()).rejects.toThrow();
  });

  it('cuts the JSON, not the HTTP', async () => {
    const right = await ask(SEARCH);
    const cut = await failing({ kind: 'truncated' });
    expect([cut.status, cut.json, right.text.startsWith(cut.text)]).toEqual([200, undefined, true]);
    expect(cut.text.length).toBe(Math.floor(right.text.length / 2));
  });

  it('floods, and stops when the caller hangs up', async () => {
    const huge = await failing({ kind: 'huge', bytes: 3_000_000 });
    expect(huge.text.length).toBeGreaterThan(3_000_000);
    expect(huge.json).toMatchObject({ tracks: { items: [] } });
    fake.failNext({ kind: 'huge', bytes: 1e12 });
    const response = await fetch(`${fake.apiUrl}${SEARCH}`);
    await response.body?.cancel();
    expect((await ask(SEARCH)).status).toBe(200);
  });
});

describe('which calls are hit', () => {
  it('hits the next calls, in order, then the standing fault, then nothing', async () => {
    fake.failNext({ kind: 'status', status: 502 }, 2);
    fake.failNext({ kind: 'status', status: 504 });
    fake.setFault({ kind: 'status', status: 503 });
    const statuses: number[] = [];
    for (let index = 0; index < 5; index++) statuses.push((await ask(SEARCH)).status);
    fake.setFault(null);
    statuses.push((await ask(SEARCH)).status);
    expect(statuses).toEqual([502, 502, 504, 503, 503, 200]);
  });

  it('aims at search, at the token endpoint, or drops its aim', async () => {
    fake.setFault({ kind: 'status', status: 503 }, 'search');
    expect([(await ask(SEARCH)).status, (await ask(`/tracks/${TRACK.id}`)).status]).toEqual([503, 200]);
    expect((await askToken(fake)).status).toBe(200);
    fake.failNext({ kind: 'invalid-client' });
    fake.failNext({ kind: 'status', status: 503, body: 'text' }, 1, 'token');
    expect(await askToken(fake)).toMatchObject({ status: 400, json: { error: 'invalid_client' } });
    expect(await askToken(fake)).toMatchObject({ status: 503 });
    fake.failNext({ kind: 'empty-body' }, 9);
    fake.clearFaults();
    expect((await ask(SEARCH)).json).toMatchObject({ tracks: { total: 1 } });
  });

  it('spoils token answers too', async () => {
    fake.failNext({ kind: 'truncated' }, 1, 'token');
    expect(await askToken(fake)).toMatchObject({ status: 200, json: undefined });
    fake.failNext({ kind: 'reset' }, 1, 'token');
    await expect(askToken(fake)).rejects.toThrow();
  });
});

describe('the connection itself', () => {
  it('holds all API calls until released', async () => {
    const release = fake.hold();
    let done = 0;
    const calls = [ask(SEARCH), ask(SEARCH)].map((answer) => answer.then(() => done++));
    await askToken(fake);
    expect([done, fake.stats.calls.search]).toEqual([0, 2]);
    release();
    await Promise.all(calls);
    expect(done).toBe(2);
  });

  it('takes its time when told to', async () => {
    fake.setLatency([60, 80]);
    const started = performance.now();
    const { headers } = await ask(SEARCH);
    expect(performance.now() - started).toBeGreaterThan(55);
    expect(headers.get('server-timing')).toMatch(/^edge;dur=([67]\d|80)$/);
  });

  it('takes it in real time, even where a test has stopped the clock', async () => {
    fake.setLatency([20, 20]);
    jest.useFakeTimers({ doNotFake: ['nextTick', 'setImmediate', 'queueMicrotask'] });
    try {
      expect((await ask(SEARCH)).status).toBe(200);
    } finally {
      jest.useRealTimers();
    }
  });

  it('stops with stalled, held and idle connections open, and then is gone', async () => {
    const { port } = new URL(fake.apiUrl);
    fake.failNext({ kind: 'stall' });
    const stalled = ask(SEARCH).catch(() => 'closed');
    fake.hold();
    const held = ask(SEARCH).catch(() => 'closed');
    while (fake.stats.calls.search < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    await fake.stop();
    expect(await Promise.all([stalled, held])).toEqual(['closed', 'closed']);
    const refused = await new Promise((resolve) => {
      createConnection(Number(port), '127.0.0.1').on('error', resolve).on('connect', resolve);
    });
    expect(refused).toMatchObject({ code: 'ECONNREFUSED' });
    await fake.stop();
  });
});
