import { fakeTrack, type FakeTrackInput } from '../fakes/spotify/fake-track';
import type { Fault, FaultAim } from '../fakes/spotify/faults';
import { type SpotifyFake, startSpotifyFake } from '../fakes/spotify/spotify-fake';
import { type Answer, spotifyEnvironment, startApp, type TestApp } from '../support/app';

/* What comes of Spotify's answers, good and bad. Not real: Spotify. */

const TIMEOUT_MS = 400;

let spotify: SpotifyFake;
let service: TestApp;
/** Gives Spotify little time: for those faults alone that take it all, since a loaded machine may need more for any call. */
let impatient: TestApp;
let lastNumber = 0;

beforeAll(async () => {
  spotify = await startSpotifyFake();
  service = await startApp({ ...spotifyEnvironment(spotify), SPOTIFY_MARKETS: 'SE,NO,JP' });
  impatient = await startApp({ ...spotifyEnvironment(spotify), SPOTIFY_TIMEOUT_MS: `${TIMEOUT_MS}` });
});
afterAll(async () => {
  await service.stop();
  await impatient.stop();
  await spotify.stop();
});
afterEach(() => {
  spotify.clearFaults();
  spotify.setMode('dev');
});

const nextIsrc = (): string => `GBSRC24${String(++lastNumber).padStart(5, '0')}`;
function release(isrc: string, ...inputs: Partial<FakeTrackInput>[]): string {
  spotify.addTracks(...inputs.map((input) => fakeTrack({ ...input, isrc })));
  return isrc;
}
const add = (isrc: string, on = service): Promise<Answer> =>
  on.call('POST', '/v1/tracks', { json: { isrc } });
const candidatesOf = async (isrc: string): Promise<Record<string, unknown>[]> =>
  (await service.call('GET', `/v1/tracks/${isrc}/candidates`)).body.items;
const marketsAsked = (isrc: string): unknown[] =>
  spotify.stats.requests
    .filter(({ query }) => query['q']?.includes(isrc))
    .map(({ query }) => query['market']);

describe('what Spotify tells', () => {
  it('in development mode: no popularity, markets, label or bar code, and null in their place', async () => {
    const isrc = release(nextIsrc(), { popularity: 57, markets: ['SE', 'NO', 'DK', 'FI', 'IS', 'DE'] });
    const { status, body } = await add(isrc);
    expect(status).toBe(201);
    expect(body).toMatchObject({ popularity: null, availableMarkets: null, previewUrl: null });
    expect(body.album).toMatchObject({ upc: null, label: null });
    expect(await candidatesOf(isrc)).toMatchObject([{ popularity: null, availableMarkets: null }]);
  });

  it('in extended mode: all of it, artists in its order, the widest image as cover', async () => {
    spotify.setMode('extended');
    const markets = ['SE', 'NO', 'DK', 'FI', 'IS', 'DE'];
    const isrc = release(nextIsrc(), {
      ...{ title: '青春コンプレックス 🎸', artists: ['Zoë', 'Ångström', 'Beck'], popularity: 57, markets },
      ...{ explicit: true, discNumber: 2, trackNumber: 7, durationMs: 123_456 },
      album: { name: 'Old', releaseDate: '1978-03', releaseDatePrecision: 'month', albumType: 'COMPILATION' },
    });
    const { body } = await add(isrc);
    expect(body).toMatchObject({
      ...{ isrc, title: '青春コンプレックス 🎸', popularity: 57, explicit: true, durationMs: 123_456 },
      ...{ discNumber: 2, trackNumber: 7, availableMarkets: [...markets].sort() },
      album: { type: 'compilation', releaseDate: '1978-03', releaseDatePrecision: 'month' },
      source: { name: 'spotify', url: expect.stringMatching(/^https:\/\/open\.spotify\.com\/track\//) },
      match: { rule: 'only-match', candidates: 1, market: null },
    });
    expect(body.artists.map(({ name }: { name: string }) => name)).toEqual(['Zoë', 'Ångström', 'Beck']);
    expect(body.images.map(({ width }: { width: number }) => width)).toEqual([640, 300, 64]);
    expect(body.coverImage).toEqual(body.images[0]);
  });

  it('without images: no cover', async () => {
    const { body } = await add(release(nextIsrc(), { album: { images: [] } }));
    expect([body.coverImage, body.images]).toEqual([null, []]);
  });
});

describe('which track', () => {
  it('the most popular of all pages; candidates name the one chosen, best first', async () => {
    spotify.setMode('extended');
    const others = Array.from({ length: 23 }, (_, at) => ({ album: `Hits ${at}`, popularity: 20 + at }));
    const isrc = release(nextIsrc(), ...others, { album: 'The Hit', popularity: 90 });
    const { body } = await add(isrc);
    expect(body.album.title).toBe('The Hit');
    expect(body.match).toEqual({ rule: 'most-popular', candidates: 24, market: null });
    const candidates = await candidatesOf(isrc);
    expect(candidates.map(({ popularity }) => popularity)).toEqual(
      [90, ...others.map(({ popularity }) => popularity)].sort((a, b) => b - a),
    );
    expect(candidates.filter(({ chosen }) => chosen).map(({ id }) => id)).toEqual([body.source.id]);
    expect(candidates[0]?.['chosen']).toBe(true);
  });

  it.each([
    ['more markets', { markets: ['SE', 'NO', 'DK', 'FI', 'IS', 'DE'] }, { markets: null }, 1],
    ['an album before a single', { album: { albumType: 'album' } }, { album: { albumType: 'single' } }, 0],
    [
      'a single before a compilation',
      { album: { albumType: 'compilation' } },
      { album: { albumType: 'single' } },
      1,
    ],
    [
      'the earlier release',
      { album: { releaseDate: '2003-04-15' } },
      { album: { releaseDate: '2003-04-14' } },
      1,
    ],
    ['the smaller id', { id: 'A'.repeat(22) }, { id: 'B'.repeat(22) }, 0],
  ])('where popularity is equal: %s', async (_rule, one, two, expected) => {
    spotify.setMode('extended');
    const albumOf = (at: number, { album }: Partial<FakeTrackInput>) => ({
      name: `Release ${at}`,
      id: `TieBreak${lastNumber}Release${at}`.padEnd(22, '0'),
      ...(album as object),
    });
    const isrc = nextIsrc();
    release(isrc, { ...one, album: albumOf(0, one) }, { ...two, album: albumOf(1, two) });
    const { body } = await add(isrc);
    expect(body.match).toMatchObject({ rule: 'tie-break', candidates: 2 });
    expect(body.album.title).toBe(`Release ${expected}`);
  });

  it('none of another code, and none that is blanked', async () => {
    const isrc = nextIsrc();
    spotify.serveRecorded(isrc, 'search-isrc-dev-2-results');
    expect((await add(isrc)).status).toBe(404);
    const blanked = release(nextIsrc(), { album: 'Blanked' });
    spotify.tombstone(blanked);
    expect((await add(blanked)).body.type).toBe('/problems/recording-not-found');
  });
});

describe('markets', () => {
  it('are asked in order on a miss, until one has it; match names it', async () => {
    const isrc = release(nextIsrc(), {});
    spotify.flap(isrc, 2);
    const { status, body } = await add(isrc);
    expect([status, body.match.market]).toEqual([201, 'NO']);
    expect(marketsAsked(isrc)).toEqual([undefined, 'SE', 'NO']);
  });

  it('are not asked where it is found without, and all of them before it counts as a miss', async () => {
    const found = release(nextIsrc(), {});
    expect((await add(found)).body.match.market).toBeNull();
    expect(marketsAsked(found)).toEqual([undefined]);
    const missed = nextIsrc();
    expect((await add(missed)).status).toBe(404);
    expect(marketsAsked(missed)).toEqual([undefined, 'SE', 'NO', 'JP']);
  });
});

describe('failures of Spotify', () => {
  const expectProblem = (answer: Answer, status: number, slug: string): void => {
    expect([answer.status, answer.body.type]).toEqual([status, `/problems/${slug}`]);
    expect(answer.text).not.toMatch(/fake-client|Bearer|stack|axios|127\.0\.0\.1|Welcome|zod/i);
    const wait = answer.headers.get('retry-after');
    if (status === 503) expect(Number(wait)).toBeGreaterThanOrEqual(1);
    else expect(wait).toBeNull();
  };

  it.each<[Fault, FaultAim | undefined, number, string]>([
    [{ kind: 'html' }, undefined, 502, 'source-error'],
    [{ kind: 'empty-body' }, undefined, 502, 'source-error'],
    [{ kind: 'error-body' }, undefined, 502, 'source-error'],
    [{ kind: 'truncated' }, undefined, 502, 'source-error'],
    [{ kind: 'redirect' }, undefined, 502, 'source-error'],
    [{ kind: 'invalid-token' }, undefined, 502, 'source-error'],
    [{ kind: 'status', status: 500 }, undefined, 503, 'source-unavailable'],
    [{ kind: 'status', status: 503, body: 'html' }, undefined, 503, 'source-unavailable'],
    [{ kind: 'reset' }, undefined, 503, 'source-unavailable'],
    [{ kind: 'reset', when: 'mid-body' }, undefined, 503, 'source-unavailable'],
    [{ kind: 'stall' }, undefined, 504, 'source-timeout'],
    [{ kind: 'drip' }, undefined, 504, 'source-timeout'],
  ])('%j becomes a problem, and is no miss', async (fault, aim, status, slug) => {
    const isrc = release(nextIsrc(), {});
    spotify.setFault(fault, aim);
    const startedAt = Date.now();
    expectProblem(await add(isrc, status === 504 ? impatient : service), status, slug);
    expect(Date.now() - startedAt).toBeLessThan(TIMEOUT_MS + 2_000 + 4_000);
    expect((await service.call('GET', `/v1/tracks/${isrc}`)).body.type).toBe('/problems/track-not-found');
    spotify.clearFaults();
    expect((await add(isrc)).status).toBe(201);
    expect(spotify.stats.requests.some(({ path }) => path === '/__elsewhere')).toBe(false);
  });

  it('fifty at once share one failure, and the next call asks again', async () => {
    const isrc = release(nextIsrc(), {});
    spotify.setFault({ kind: 'status', status: 500 });
    spotify.setLatency([30, 60]);
    const answers = await Promise.all(Array.from({ length: 50 }, () => add(isrc)));
    spotify.setLatency(null);
    spotify.clearFaults();
    for (const answer of answers) expectProblem(answer, 503, 'source-unavailable');
    expect(new Set(answers.map(({ body }) => body.requestId)).size).toBe(50);
    expect((await add(isrc)).status).toBe(201);
  });

  it('a wrong secret is the service’s own fault: 502, and no word about it', async () => {
    const SPOTIFY_CLIENT_SECRET = 'another-secret-of-the-test';
    const other = await startApp({ ...spotifyEnvironment(spotify), SPOTIFY_CLIENT_SECRET });
    try {
      const answer = await add(nextIsrc(), other);
      expectProblem(answer, 502, 'source-error');
      expect(answer.text).not.toContain(SPOTIFY_CLIENT_SECRET);
      expect((await other.call('GET', '/health/ready')).status).toBe(200);
    } finally {
      await other.stop();
    }
  });

  it('a lapsed Premium is told alike, and asked for anew once a minute', async () => {
    const other = await startApp(spotifyEnvironment(spotify));
    spotify.setPremium(false);
    try {
      spotify.resetStats();
      for (let turn = 0; turn < 5; turn += 1)
        expectProblem(await add(nextIsrc(), other), 502, 'source-error');
      expect(spotify.stats.calls.search).toBe(1);
      const { status, body } = await other.call('GET', '/health');
      expect([status, body.status]).toEqual([200, 'degraded']);
      expect(body.details.source).toMatchObject({
        status: 'degraded',
        name: 'spotify',
        fault: { message: expect.stringContaining('Premium') },
      });
    } finally {
      spotify.setPremium(true);
      await other.stop();
    }
  });

  it('a caller who goes away takes along the search that nobody else waits for', async () => {
    const other = await startApp(spotifyEnvironment(spotify));
    try {
      const isrc = release(nextIsrc(), {});
      spotify.failNext({ kind: 'rate-limit', retryAfter: 2 });
      expectProblem(await add(isrc, other), 503, 'source-unavailable');
      const ask = (signal: AbortSignal) =>
        fetch(`${other.url}/v1/tracks`, {
          method: 'POST',
          headers: { authorization: `Bearer ${other.tokens.admin}`, 'content-type': 'application/json' },
          body: JSON.stringify({ isrc }),
          signal,
        });
      spotify.resetStats();
      await expect(ask(AbortSignal.timeout(300))).rejects.toThrow();
      await new Promise((resolve) => setTimeout(resolve, 2200));
      expect(spotify.stats.requests).toEqual([]);
      expect((await add(isrc, other)).status).toBe(201);
    } finally {
      await other.stop();
    }
  });

  // Last: until its seven seconds are over this app sends nothing any more.
  it('a 429 with Retry-After 7: nothing is sent meanwhile, callers are told to wait', async () => {
    const stored = release(nextIsrc(), {});
    expect((await add(stored)).status).toBe(201);
    const isrc = release(nextIsrc(), {});
    spotify.failNext({ kind: 'rate-limit', retryAfter: 7 });
    const limited = await add(isrc);
    expectProblem(limited, 503, 'source-unavailable');
    expect(limited.headers.get('retry-after')).toBe('7');
    const seen = spotify.stats.requests.length;
    const answers = [
      await add(isrc),
      await add(nextIsrc()),
      await service.call('POST', `/v1/tracks/${stored}/refresh`),
    ];
    for (const answer of answers) {
      expectProblem(answer, 503, 'source-unavailable');
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(5);
      // The cooldown, or the window that was learned from the refusal, whichever ends later.
      expect(Number(answer.headers.get('retry-after'))).toBeLessThanOrEqual(31);
    }
    expect(spotify.stats.requests).toHaveLength(seen);
    expect(spotify.stats.callsDuringBan).toBe(0);
    expect((await add(stored)).status).toBe(200);
    expect((await service.call('GET', `/v1/tracks/${stored}`)).status).toBe(200);
    expect((await service.call('GET', '/health/ready')).status).toBe(200);
  });
});
