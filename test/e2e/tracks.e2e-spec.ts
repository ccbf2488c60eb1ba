import { DataSource } from 'typeorm';
import { TracksRepository } from '../../src/tracks/tracks.repository';
import { fakeTrack, type FakeTrackInput } from '../fakes/spotify/fake-track';
import { type SpotifyFake, startSpotifyFake } from '../fakes/spotify/spotify-fake';
import { type Answer, spotifyEnvironment, startApp, type TestApp } from '../support/app';

/* Real: the app, its database, HTTP on both sides. Not real: Spotify. */

let spotify: SpotifyFake;
let service: TestApp;
let lastNumber = 0;

beforeAll(async () => {
  spotify = await startSpotifyFake({ mode: 'extended' });
  service = await startApp(spotifyEnvironment(spotify));
});
afterAll(async () => {
  await service.stop();
  await spotify.stop();
});

/** Makes Spotify know a track under an ISRC of the test's own. */
function release(input: Partial<FakeTrackInput> = {}): string {
  const isrc = input.isrc ?? `GBTST24${String(++lastNumber).padStart(5, '0')}`;
  spotify.addTracks(fakeTrack({ ...input, isrc }));
  return isrc;
}
const add = (isrc: string): Promise<Answer> => service.call('POST', '/v1/tracks', { json: { isrc } });
const get = (path: string, headers: Record<string, string> = {}): Promise<Answer> =>
  service.call('GET', path, { headers });
const searchesOf = (isrc: string): number => spotify.stats.searches[isrc] ?? 0;
const slugOf = (answer: Answer): string => `${answer.status} ${String(answer.body?.type)}`;
const rowsOf = async (table: string, column: string, value: string): Promise<number> =>
  (
    await service.app
      .get(DataSource)
      .query<unknown[]>(`SELECT ${column} FROM ${table} WHERE ${column} = '${value}'`)
  ).length;

describe('POST /v1/tracks', () => {
  it('fetches and stores once, then serves what is stored', async () => {
    const isrc = release({ title: 'Once' });
    const made = await add(isrc);
    expect([made.status, made.headers.get('location')]).toEqual([201, `/v1/tracks/${isrc}`]);
    expect(made.body).toMatchObject({ isrc, title: 'Once', source: { name: 'spotify' } });
    const seen = spotify.stats.requests.length;
    for (const spelling of [isrc, isrc.toLowerCase(), `ISRC: ${isrc}`]) {
      const again = await add(spelling);
      expect([again.status, again.body]).toEqual([200, made.body]);
      expect(again.headers.get('location')).toBeNull();
      expect(again.headers.get('content-location')).toBe(`/v1/tracks/${isrc}`);
    }
    expect(spotify.stats.requests).toHaveLength(seen);
    expect(searchesOf(isrc)).toBe(1);
  });

  it('fifty at once for one ISRC: one search, one row, one 201', async () => {
    const isrc = release();
    spotify.setLatency([30, 60]);
    // On a machine that does much else some wait in vain for their turn, and come again as they are told to.
    const insist = async (): Promise<Answer> => {
      for (;;) {
        const answer = await add(isrc);
        if (answer.body.type !== '/problems/overloaded') return answer;
      }
    };
    const answers = await Promise.all(Array.from({ length: 50 }, insist));
    spotify.setLatency(null);
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array<number>(49).fill(200), 201]);
    expect(new Set(answers.map(({ text }) => text)).size).toBe(1);
    expect(searchesOf(isrc)).toBe(1);
    expect(await rowsOf('track', 'isrc', isrc)).toBe(1);
  });

  it('asks nothing where another call stored the track between look and fetch', async () => {
    const isrc = release();
    jest
      .spyOn(service.app.get(TracksRepository), 'findDocument')
      .mockImplementationOnce(() => add(isrc).then(() => null));
    expect((await add(isrc)).status).toBe(200);
    expect(searchesOf(isrc)).toBe(1);
    jest.restoreAllMocks();
  });

  it('remembers a miss for a time, and asks again after it', async () => {
    const isrc = 'GBTST2499999';
    const missed = await Promise.all([add(isrc), add(isrc), add(isrc)]);
    expect(missed.map(slugOf)).toEqual(Array(3).fill('404 /problems/recording-not-found'));
    expect(slugOf(await add('gb-tst-24-99999'))).toBe('404 /problems/recording-not-found');
    expect(searchesOf(isrc)).toBe(1);
    expect(slugOf(await get(`/v1/tracks/${isrc}`))).toBe('404 /problems/track-not-found');
    release({ isrc });
    expect((await add(isrc)).status).toBe(404);
    const inNineMinutes = Date.now() + 9 * 60_000;
    const [note] = await service.app
      .get(DataSource)
      .query<{ at: number | string }[]>(`SELECT expires_at_ms AS at FROM recording_miss`);
    expect(Number(note?.at)).toBeGreaterThan(inNineMinutes);
    expect(Number(note?.at)).toBeLessThanOrEqual(Date.now() + 10 * 60_000);
    await service.app.get(DataSource).query(`UPDATE recording_miss SET expires_at_ms = 1`);
    expect((await add(isrc)).status).toBe(201);
    expect(searchesOf(isrc)).toBe(2);
  });
});

describe('POST /v1/tracks/{isrc}/refresh', () => {
  const refresh = (isrc: string): Promise<Answer> => service.call('POST', `/v1/tracks/${isrc}/refresh`);

  it('fetches what changed, and keeps when it was first stored', async () => {
    const isrc = release({ title: 'Working Title', artists: ['Old Artist'], popularity: 3 });
    const made = await add(isrc);
    release({ isrc, title: 'Final Title', artists: ['New Artist'], popularity: 70 });
    const fresh = await refresh(isrc.toLowerCase());
    expect(fresh.status).toBe(200);
    expect(fresh.body).toMatchObject({ title: 'Final Title', popularity: 70 });
    expect(fresh.body.artists).toEqual([expect.objectContaining({ name: 'New Artist' })]);
    expect(fresh.body.createdAt).toBe(made.body.createdAt);
    expect(Date.parse(fresh.body.updatedAt)).toBeGreaterThan(Date.parse(made.body.updatedAt));
    expect((await get(`/v1/tracks/${isrc}`)).body).toEqual(fresh.body);
    expect((await get('/v1/artists?name=old+artist')).body.items).toEqual([]);
    expect((await get('/v1/tracks?title=final')).body.items).toHaveLength(1);
    expect((await get('/v1/tracks?title=working')).body.items).toEqual([]);
  });

  it('does not ask for what is not stored', async () => {
    const isrc = release();
    expect(slugOf(await refresh(isrc))).toBe('404 /problems/track-not-found');
    expect(searchesOf(isrc)).toBe(0);
  });

  it.each([
    [
      'is gone',
      (isrc: string) => {
        spotify.removeIsrc(isrc);
      },
      '404 /problems/recording-not-found',
    ],
    [
      'is blanked',
      (isrc: string) => {
        spotify.tombstone(isrc);
      },
      '404 /problems/recording-not-found',
    ],
    [
      'is not indexed',
      (isrc: string) => {
        spotify.neverIndex(isrc);
      },
      '404 /problems/recording-not-found',
    ],
    [
      'cannot be asked for',
      () => {
        spotify.failNext({ kind: 'status', status: 503 }, 5);
      },
      '503 /problems/source-unavailable',
    ],
  ])('leaves what is stored as it is where the recording %s', async (_what, happen, expected) => {
    const isrc = release();
    const made = await add(isrc);
    happen(isrc);
    expect(slugOf(await refresh(isrc))).toBe(expected);
    spotify.clearFaults();
    expect((await get(`/v1/tracks/${isrc}`)).body).toEqual(made.body);
    expect((await add(isrc)).status).toBe(200);
  });
});

describe('DELETE /v1/tracks/{isrc}', () => {
  it('takes artists and albums with it that no other track has', async () => {
    const album = { id: 'SharedAlbum00000000001', name: 'Shared' };
    const one = release({ artists: ['Kept Band', 'Lost Guest'], album, trackNumber: 1 });
    const two = release({ artists: ['Kept Band'], album, trackNumber: 2 });
    const stored = [await add(one), await add(two)];
    const [kept, lost] = stored[0]?.body.artists as { id: string }[];
    expect((await get(`/v1/artists/${kept?.id}`)).body.trackCount).toBe(2);

    const gone = await service.call('DELETE', `/v1/tracks/${one.toLowerCase()}`);
    expect([gone.status, gone.text]).toEqual([204, '']);
    expect(slugOf(await get(`/v1/tracks/${one}`))).toBe('404 /problems/track-not-found');
    expect(slugOf(await get(`/v1/tracks/${one}/candidates`))).toBe('404 /problems/track-not-found');
    expect(slugOf(await service.call('DELETE', `/v1/tracks/${one}`))).toBe('404 /problems/track-not-found');
    expect(slugOf(await get(`/v1/artists/${lost?.id}`))).toBe('404 /problems/not-found');
    expect((await get(`/v1/artists/${kept?.id}`)).body.trackCount).toBe(1);
    expect(await rowsOf('album', 'id', album.id)).toBe(1);

    await service.call('DELETE', `/v1/tracks/${two}`);
    expect(slugOf(await get(`/v1/artists/${kept?.id}`))).toBe('404 /problems/not-found');
    expect((await get('/v1/artists?name=kept')).body.items).toEqual([]);
    expect(await rowsOf('album', 'id', album.id)).toBe(0);
    expect(await rowsOf('track_artist', 'artist_id', kept?.id ?? '')).toBe(0);
    expect((await add(one)).status).toBe(201);
  });
});

describe('GET /v1/tracks/{isrc}', () => {
  let isrc: string;
  let path: string;
  let made: Answer;
  beforeAll(async () => {
    isrc = release({ title: 'Read Me' });
    path = `/v1/tracks/${isrc}`;
    made = await add(isrc);
  });

  it.each([
    (code: string) => code.toLowerCase(),
    (code: string) => `${code.slice(0, 2)}-${code.slice(2, 5)}-${code.slice(5, 7)}-${code.slice(7)}`,
    (code: string) =>
      `${code.slice(0, 2)}\u2013${code.slice(2, 5)} ${code.slice(5, 7)}\u2212${code.slice(7)}`,
    (code: string) => ` \tisrc: ${code}\n`,
  ])('in any accepted spelling, without asking the source (%#)', async (spell) => {
    const seen = spotify.stats.requests.length;
    const answer = await get(`/v1/tracks/${encodeURIComponent(spell(isrc))}`);
    expect([answer.status, answer.body]).toEqual([200, made.body]);
    expect(answer.headers.get('content-location')).toBe(path);
    expect(spotify.stats.requests).toHaveLength(seen);
  });

  it('says how it may be kept', async () => {
    const { headers } = await get(path);
    expect(headers.get('etag')).toMatch(/^"[\w-]{20,}"$/);
    expect(headers.get('cache-control')).toBe('private, no-cache');
    const vary = (headers.get('vary') ?? '').toLowerCase().split(/, ?/);
    expect(vary).toEqual(expect.arrayContaining(['accept', 'authorization']));
    expect((await get(path)).headers.get('etag')).toBe(headers.get('etag'));
  });

  it.each([
    ['the same', (tag: string) => tag, 304],
    ['weak', (tag: string) => `W/${tag}`, 304],
    ['a list', (tag: string) => `"a", W/"b,c" ,${tag}`, 304],
    ['anything', () => '*', 304],
    ['another', () => '"another"', 200],
    ['unquoted', (tag: string) => tag.slice(1, -1), 200],
    ['a part', (tag: string) => `${tag.slice(0, -2)}"`, 200],
  ])('If-None-Match: %s', async (_what, header, expected) => {
    const tag = (await get(path)).headers.get('etag') ?? '';
    for (const method of ['GET', 'HEAD']) {
      const answer = await service.call(method, path, { headers: { 'If-None-Match': header(tag) } });
      expect(answer.status).toBe(expected);
      expect(answer.headers.get('etag')).toBe(tag);
      expect(answer.headers.get('cache-control')).toBe('private, no-cache');
      if (expected === 304) expect(answer.text).toBe('');
    }
  });

  it('answers 304 no longer once the track changed, and never to who may not read it', async () => {
    const headers = { 'If-None-Match': (await get(path)).headers.get('etag') ?? '' };
    release({ isrc, title: 'Read Me Again' });
    await service.call('POST', `${path}/refresh`);
    expect((await get(path, headers)).status).toBe(200);
    expect((await service.call('GET', path, { token: null, headers })).status).toBe(401);
    expect((await service.call('GET', path, { token: service.tokens.operator, headers })).status).toBe(403);
    expect((await get('/v1/tracks/GBTST2488888', { 'If-None-Match': '*' })).status).toBe(404);
  });

  it('HEAD is GET without the body', async () => {
    const [full, head] = [await get(path), await service.call('HEAD', path)];
    expect([head.status, head.text]).toEqual([200, '']);
    for (const name of ['etag', 'content-type', 'content-length', 'content-location', 'vary']) {
      expect([name, head.headers.get(name)]).toEqual([name, full.headers.get(name)]);
    }
    const missing = await service.call('HEAD', '/v1/tracks/GBTST2488888');
    expect([missing.status, missing.text]).toEqual([404, '']);
  });
});
