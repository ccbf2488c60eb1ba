import { DataSource } from 'typeorm';
import { setTimeout as sleep } from 'node:timers/promises';
import { ImportLoop } from '../../src/imports/import-loop';
import { fakeTrack } from '../fakes/spotify/fake-track';
import { type SpotifyFake, startSpotifyFake } from '../fakes/spotify/spotify-fake';
import { spotifyEnvironment, startApp, type TestApp } from '../support/app';
import { finished, importWhen } from '../support/imports';
import { expectProblem } from '../e2e/problem-check';

/* How imports are worked on, with Spotify behind. Not real: Spotify. */

jest.setTimeout(120_000);

let spotify: SpotifyFake;
let service: TestApp;
let lastNumber = 0;

beforeAll(async () => {
  spotify = await startSpotifyFake();
  service = await startApp(spotifyEnvironment(spotify));
});
afterAll(async () => {
  await service.stop();
  await spotify.stop();
});
afterEach(() => {
  spotify.clearFaults();
  spotify.liftBans();
  spotify.setLatency(null);
});

function codes(count: number): string[] {
  const isrcs = Array.from({ length: count }, () => `GBIMP24${String(++lastNumber).padStart(5, '0')}`);
  spotify.addTracks(...isrcs.map((isrc) => fakeTrack({ isrc })));
  return isrcs;
}
async function start(isrcs: readonly string[], query = ''): Promise<string> {
  const { status, body } = await service.call('POST', `/v1/imports${query}`, { json: { isrcs } });
  expect(status).toBe(202);
  return body.id as string;
}
const searches = () => spotify.stats.requests.filter(({ path }) => path === '/v1/search').length;
const post = (path: string) => service.call('POST', path);

it('J10 asks once for each code that two imports have in common', async () => {
  const isrcs = codes(150);
  const before = searches();
  const ids = await Promise.all([start(isrcs), start([...isrcs].reverse())]);
  const ends = await Promise.all(ids.map((id) => finished(service, id)));
  expect(searches() - before).toBe(150);
  expect(ends.map(({ counts }) => Number(counts.created) + Number(counts.existing))).toEqual([150, 150]);
  expect(ends.map(({ counts }) => Number(counts.created)).reduce((sum, each) => sum + each, 0)).toBe(150);
});

it('asks nothing for what is stored, or lately was not found', async () => {
  const isrcs = [...codes(3), 'GBIMP2499999'];
  await finished(service, await start(isrcs));
  const before = searches();
  const { counts } = await finished(service, await start(isrcs));
  expect(counts).toMatchObject({ existing: 3, notFound: 1 });
  expect(searches()).toBe(before);
});

it('U03 parks an import while Spotify wants to be left alone, tells until when, and lets it be cancelled', async () => {
  const banned = await startSpotifyFake();
  const parking = await startApp(spotifyEnvironment(banned)); // its budget remembers the ban
  try {
    banned.ban(20_520);
    const { body } = await parking.call('POST', '/v1/imports', { json: { isrcs: codes(30) } });
    const id = body.id as string;
    const parked = await importWhen(parking, id, ({ status }) => status === 'paused');
    const waitSeconds = (Date.parse(parked.resumesAt as string) - Date.now()) / 1000;
    expect(waitSeconds).toBeGreaterThan(20_000);
    expect(waitSeconds).toBeLessThan(90_000); // each call in flight lengthens the ban
    expect(parked.counts).toMatchObject({ failed: 0, pending: 30 });
    const cancelled = await parking.call('POST', `/v1/imports/${id}/cancel`);
    expect(cancelled.body).toMatchObject({ status: 'cancelled', resumesAt: null, counts: { pending: 30 } });
  } finally {
    await parking.stop();
    await banned.stop();
  }
});

it('J06 stops within a second, keeps what is done, and takes the rest up again', async () => {
  const isrcs = codes(200);
  spotify.setLatency([60, 90]);
  const id = await start(isrcs);
  await importWhen(service, id, ({ processed }) => processed > 5);
  const cancelled = (await post(`/v1/imports/${id}/cancel`)).body;
  expect(cancelled).toMatchObject({ status: 'cancelled', finishedAt: expect.any(String), etaSeconds: null });
  expect((await post(`/v1/imports/${id}/cancel`)).body.status).toBe('cancelled');
  await sleep(1000);
  const asked = searches();
  await sleep(1000);
  expect(searches()).toBe(asked);
  expect((await service.call('GET', `/v1/imports/${id}`)).body).toMatchObject({ counts: cancelled.counts });
  spotify.setLatency(null);
  expect((await post(`/v1/imports/${id}/retry`)).body).toMatchObject({ status: 'queued', finishedAt: null });
  const end = await finished(service, id);
  expect(end).toMatchObject({ status: 'completed', counts: { failed: 0, pending: 0 } });
  expectProblem(await post(`/v1/imports/${id}/cancel`), 'conflict');
  expect((await post(`/v1/imports/${id}/retry`)).body.status).toBe('completed');
});

it('tries a row three times, tells why it failed, and tries again when asked', async () => {
  const [isrc = ''] = codes(1);
  spotify.setFault({ kind: 'html' });
  const id = await start([isrc]);
  const end = await finished(service, id);
  expect(end).toMatchObject({ status: 'failed', counts: { failed: 1 } });
  const { body } = await service.call('GET', `/v1/imports/${id}/rows`);
  expect(body.items).toEqual([
    expect.objectContaining({ status: 'failed', problem: expect.stringMatching(/^source-error: /) }),
  ]);
  spotify.clearFaults();
  await post(`/v1/imports/${id}/retry`);
  expect((await finished(service, id)).counts).toMatchObject({ created: 1, failed: 0 });
});

it('lets a small import pass a large one', async () => {
  spotify.setLatency([20, 30]);
  const large = await start(codes(1500));
  await importWhen(service, large, ({ processed }) => processed > 0);
  const small = await start(codes(3));
  await finished(service, small);
  expect((await service.call('GET', `/v1/imports/${large}`)).body.status).toBe('running');
  await post(`/v1/imports/${large}/cancel`);
});

describe('events', () => {
  async function follow(id: string, headers: Record<string, string> = {}) {
    const response = await fetch(`${service.url}/v1/imports/${id}/events`, {
      headers: { authorization: `Bearer ${service.tokens.reader}`, accept: 'text/event-stream', ...headers },
    });
    const text = await response.text();
    const events = [...text.matchAll(/id: (\d+)\nevent: (\w+)\ndata: (.*)\n\n/g)].map(
      ([, revision, event, data = '']) => ({
        revision: Number(revision),
        event,
        data: JSON.parse(data) as { processed: number; status: string; total: number },
      }),
    );
    return { response, text, events };
  }

  it('tell how far an import is, twice a second at most, and end with it', async () => {
    spotify.setLatency([30, 50]);
    const id = await start(codes(400));
    const startedMs = Date.now();
    const { response, events } = await follow(id);
    const tookMs = Date.now() - startedMs;
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    expect(events.at(-1)).toMatchObject({ event: 'done', data: { status: 'completed', processed: 400 } });
    expect(events.slice(0, -1).every(({ event }) => event === 'progress')).toBe(true);
    expect(events.length).toBeGreaterThan(1);
    expect(events.length).toBeLessThanOrEqual(tookMs / 500 + 2);
    const revisions = events.map(({ revision }) => revision);
    expect(revisions).toEqual([...new Set(revisions)].sort((a, b) => a - b));
    const progress = events.map(({ data }) => data.processed);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));

    const last = events.at(-1)?.revision ?? 0;
    const again = await follow(id, { 'last-event-id': String(last - 1) });
    expect(again.events).toEqual([events.at(-1)]);
    const over = await follow(id, { 'last-event-id': String(last) });
    expect([over.response.status, over.text]).toEqual([204, '']);
    const ahead = await follow(id, { 'last-event-id': String(last + 1000) }); // of a database that was put back
    expect(ahead.text).toMatch(/^event: done$/m);
    const odd = await follow(id, { 'last-event-id': 'x'.repeat(100) });
    expect(odd.events).toHaveLength(1);
  });

  it('are open to several, and let go of those who leave', async () => {
    spotify.setLatency([30, 50]);
    const id = await start(codes(300));
    const gone = new AbortController();
    const leaving = fetch(`${service.url}/v1/imports/${id}/events`, {
      headers: { authorization: `Bearer ${service.tokens.admin}`, accept: 'text/event-stream' },
      signal: gone.signal,
    }).then((response) => response.text());
    await sleep(300);
    gone.abort();
    await expect(leaving).rejects.toThrow();
    const all = await Promise.all([follow(id), follow(id)]);
    expect(all.map(({ events }) => events.at(-1)?.event)).toEqual(['done', 'done']);
  });

  it('are refused where they are not asked for', async () => {
    const id = await start(codes(1));
    await finished(service, id);
    expectProblem(
      await service.call('GET', `/v1/imports/${id}/events`, { headers: { accept: 'application/json' } }),
      'not-acceptable',
    );
    expectProblem(
      await service.call('GET', `/v1/imports/imp_0/events`, { headers: { accept: 'text/event-stream' } }),
      'not-found',
    );
  });
});

it('J09 is told by health where rows are due and nothing moves', async () => {
  const idle = await startApp(spotifyEnvironment(spotify));
  try {
    await idle.app.get(ImportLoop).onModuleDestroy(); // a worker that is alive and claims nothing
    const { body } = await idle.call('POST', '/v1/imports', { json: { isrcs: codes(2) } });
    const health = () => idle.call('GET', '/health');
    expect((await health()).body.details.imports).toMatchObject({ status: 'up', imports: 1, backlog: 2 });
    const past = Date.now() - 121_000;
    const dataSource = idle.app.get(DataSource);
    const age = (id: unknown, progressMs: number) =>
      dataSource.query(
        `UPDATE import SET created_at_ms = ${past}, wake_at_ms = ${past}, progress_at_ms = ${progressMs} WHERE id = '${String(id)}'`,
      );
    await age(body.id, past);
    await sleep(1100);
    const told = await health();
    expect(told.status).toBe(503);
    expect(told.body.error.imports).toMatchObject({ status: 'down', backlog: 2 });
    expect((await idle.call('GET', '/metrics')).text).toMatch(/^deadwax_import_stalled_seconds 12\d/m);
    expect((await idle.call('GET', '/health/ready', { token: null })).status).toBe(200);
    // Accepting another is no progress; a row of another that becomes something is.
    const other = await idle.call('POST', '/v1/imports', { json: { isrcs: codes(2) } });
    expect((await idle.call('GET', '/metrics')).text).toMatch(/^deadwax_import_stalled_seconds 12\d/m);
    await age(other.body.id, Date.now());
    expect((await idle.call('GET', '/metrics')).text).toMatch(/^deadwax_import_stalled_seconds \d(\.|$)/m);
  } finally {
    await idle.stop();
  }
});
