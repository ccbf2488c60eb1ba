import type { Isrc } from '../../src/recording/isrc';
import type { SpotifySettings } from '../../src/spotify/spotify-settings';
import { fakeTrack } from '../fakes/spotify/fake-track';
import { type SpotifyFake, startSpotifyFake } from '../fakes/spotify/spotify-fake';
import {
  INTERACTIVE,
  realClock,
  type SourceProcess,
  type SourceWorld,
  sourceWorld,
  type TestClock,
} from '../support/spotify-source';

/* Real: the module, the budget in SQLite, HTTP, and the stand-in for both hosts. Not real: the clock, but for one test. */

const ISRC = 'USVT10300001' as Isrc;

let spotify: SpotifyFake;
let world: SourceWorld;

async function begin(clock?: TestClock, options: Parameters<typeof startSpotifyFake>[0] = {}): Promise<void> {
  world = await sourceWorld(clock);
  spotify = await startSpotifyFake({ now: () => world.clock.ms, ...options });
  spotify.addTracks(fakeTrack({ isrc: ISRC }));
}

function start(settings: Partial<SpotifySettings> = {}): Promise<SourceProcess> {
  const { clientId, clientSecret, apiUrl, accountsUrl } = spotify;
  return world.start({ clientId, clientSecret, apiUrl, accountsUrl, ...settings });
}

/** How a find ended: `found`, or the error's slug and seconds. */
async function find(
  { source }: SourceProcess,
  lane: 'interactive' | 'bulk' = 'interactive',
): Promise<string> {
  return source.findByIsrc(ISRC, { lane }).then(
    (recording) => (recording === null ? 'missing' : 'found'),
    (error: unknown) => {
      const { slug, retryAfterSeconds } = error as { slug: string; retryAfterSeconds?: number };
      return retryAfterSeconds === undefined ? slug : `${slug} ${retryAfterSeconds}`;
    },
  );
}

const calls = () => ({ token: spotify.stats.tokenCalls, search: spotify.stats.calls.search });

afterEach(async () => {
  await world.end();
  await spotify.stop();
});

describe('a 429', () => {
  it('with Retry-After 7: nothing is sent for 7 s, by another process and after a restart neither', async () => {
    await begin();
    const first = await start();
    spotify.failNext({ kind: 'rate-limit', retryAfter: 7 });
    expect(await find(first)).toBe('source-unavailable 7');
    const sent = calls();

    const second = await start();
    for (const [ms, seconds] of [
      [1000, 6],
      [1500, 5],
      [2499, 3],
    ] as const) {
      world.clock.ms += ms;
      for (const one of [first, second]) {
        expect(await find(one)).toBe(`source-unavailable ${seconds}`);
        expect(await find(one, 'bulk')).toBe(`source-unavailable ${seconds}`);
      }
    }
    await first.stop();
    const restarted = await start();
    expect(await find(restarted)).toBe('source-unavailable 3');
    expect(calls()).toEqual(sent);

    world.clock.ms += 2001;
    expect(await find(restarted)).toBe('found');
    expect(await find(second)).toBe('found');
    expect(spotify.stats.callsDuringBan).toBe(0);
    const linesWith = (text: string) => world.lines.filter((line) => line.includes(text)).length;
    expect(linesWith('warn The rate limit at Spotify is used up')).toBe(1);
    expect(linesWith('warn Spotify asked this service to wait')).toBe(2);
    expect(linesWith('log Spotify lets calls through again')).toBe(2);
    expect(world.lines).toHaveLength(5);
  });

  it('with Retry-After 20520: told in less than 100 ms', async () => {
    await begin();
    const running = await start();
    spotify.failNext({ kind: 'rate-limit', body: 'text', retryAfter: 20_520 });
    await find(running);
    for (const lane of ['interactive', 'bulk'] as const) {
      const startMs = Date.now();
      expect(await find(running, lane)).toBe('source-unavailable 20520');
      expect(Date.now() - startMs).toBeLessThan(5_000); // milliseconds on a quiet machine
    }
    expect(calls().search).toBe(1);
  });

  it('for the quota is told apart, and not tried again', async () => {
    await begin();
    const running = await start();
    spotify.failNext({ kind: 'rate-limit', body: 'quota', retryAfter: 48_925 });
    await expect(running.source.findByIsrc(ISRC, INTERACTIVE)).rejects.toThrow(
      /^The quota of this application/,
    );
    expect(await running.source.report()).toMatchObject({
      state: 'degraded',
      cooldown: { reason: 'quota', until: new Date(world.clock.ms + 48_925_000).toISOString() },
      lastFailure: { slug: 'source-unavailable', at: new Date(world.clock.ms).toISOString() },
    });
    expect(calls().search).toBe(1);
  });

  it('with an absurd Retry-After: a day, and one line for whoever is on call', async () => {
    await begin();
    const running = await start();
    spotify.failNext({ kind: 'rate-limit', retryAfter: 9_999_999 });
    expect(await find(running)).toBe('source-unavailable 86400');
    expect(world.lines).toEqual([expect.stringMatching(/^error .*is not believed/)]);
  });

  it('of the token host holds for both hosts', async () => {
    await begin();
    const running = await start();
    spotify.failNext({ kind: 'rate-limit', retryAfter: 60 }, 1, 'token');
    expect(await find(running)).toBe('source-unavailable 60');
    expect(await find(await start())).toBe('source-unavailable 60');
    expect(calls()).toEqual({ token: 1, search: 0 });
  });

  it('is over: one probe, and the rest when it is answered', async () => {
    await begin(realClock());
    const running = await start();
    spotify.failNext({ kind: 'rate-limit', retryAfter: 1 });
    await find(running);
    spotify.resetStats();
    spotify.setLatency([200, 200]);
    const other = await start();
    const found = await Promise.all(
      Array.from({ length: 20 }, (_unused, at) => find(at % 2 ? running : other)),
    );
    expect(new Set(found)).toEqual(new Set(['found']));
    const [probe = 0, next = 0] = spotify.stats.requests
      .filter(({ path }) => path === '/v1/search')
      .map(({ at }) => at);
    expect(next - probe).toBeGreaterThanOrEqual(190);
    expect(spotify.stats).toMatchObject({ calls: { search: 20 }, callsDuringBan: 0 });
  });
});

describe('an outage', () => {
  it('opens the breaker: fast failure, one probe, and recovery', async () => {
    await begin();
    const running = await start();
    spotify.setFault({ kind: 'status', status: 500 });
    for (const seconds of [5, 5, 5, 10]) expect(await find(running)).toBe(`source-unavailable ${seconds}`);
    expect(calls().search).toBe(5);
    expect(await running.source.report()).toMatchObject({ state: 'degraded', breakers: { api: 'open' } });

    world.clock.ms += 10_000;
    const many = await Promise.all(Array.from({ length: 20 }, () => find(running)));
    expect(many).not.toContain('found');
    expect(calls().search).toBe(6);
    expect(await find(running)).toBe('source-unavailable 20');

    spotify.clearFaults();
    world.clock.ms += 20_000;
    expect(await find(running)).toBe('found');
    expect(calls().search).toBe(7);
    expect(world.lines).toEqual([
      expect.stringMatching(/^warn Spotify fails time after time/),
      expect.stringMatching(/^log Spotify answers again/),
    ]);
    expect(await running.source.report()).toMatchObject({ state: 'ok', breakers: { api: 'closed' } });
  });

  it('of the token host has a breaker of its own', async () => {
    await begin();
    const running = await start();
    spotify.setFault({ kind: 'reset' }, 'token');
    for (let turn = 0; turn < 4; turn += 1) await find(running);
    expect(calls()).toEqual({ token: 5, search: 0 });
    expect(await running.source.report()).toMatchObject({ breakers: { api: 'closed', accounts: 'open' } });
    spotify.clearFaults();
    world.clock.ms += 10_000;
    expect(await find(running)).toBe('found');
  });

  it('of the name service is tried again, within the budget for retries', async () => {
    await begin();
    const running = await start();
    await find(running);
    running.settings.apiUrl = 'http://spotify.invalid/v1';
    const startMs = world.clock.ms;
    expect(await find(running)).toBe('source-unavailable 5');
    // Half of 0.5 s, and half of 1 s.
    expect(world.clock.ms - startMs).toBe(750);
  });

  it('of one call in ten costs at most a fifth more calls', async () => {
    await begin(undefined, { badGatewayProbability: 0.1 });
    const running = await start();
    const ended: string[] = [];
    for (let turn = 0; turn < 300; turn += 1) ended.push(await find(running));
    expect(ended.filter((each) => each === 'found').length).toBeGreaterThanOrEqual(297);
    expect(calls().search).toBeGreaterThan(310);
    expect(calls().search).toBeLessThanOrEqual(360);
  });

  it('of every call costs a fifth more calls too', async () => {
    await begin();
    const running = await start();
    spotify.setFault({ kind: 'status', status: 502 });
    for (let turn = 0; turn < 100; turn += 1) {
      await find(running);
      world.clock.ms += 60_000;
    }
    expect(calls().search).toBeLessThanOrEqual(122);
  });
});

describe('the budget', () => {
  it('keeps below the limit of 30 s, and uses it', async () => {
    await begin(undefined, { windowLimit: 10 });
    const running = await start({ requestsPer30s: 10 });
    const startMs = world.clock.ms;
    let found = 0;
    while (world.clock.ms - startMs < 300_000) {
      const ended = await find(running);
      if (ended === 'found') found += 1;
      else world.clock.ms += Number(ended.split(' ')[1]) * 1000;
    }
    expect(spotify.stats.rejected429).toBe(0);
    expect(spotify.stats.peakIn30s).toBeLessThanOrEqual(10);
    expect(found).toBeGreaterThanOrEqual(80);
  });

  it('keeps below the limit of a day, after a restart too', async () => {
    await begin();
    const running = await start({ requestsPerDay: 3 });
    const ended = [];
    for (let turn = 0; turn < 4; turn += 1) ended.push(await find(running));
    expect(ended).toEqual(['found', 'found', 'found', expect.stringMatching(/^source-unavailable 86\d{3}$/)]);
    await running.stop();
    const restarted = await start({ requestsPerDay: 3 });
    expect(await find(restarted)).toMatch(/^source-unavailable 86\d{3}$/);
    expect(calls().search).toBe(3);
    expect(await restarted.source.report()).toMatchObject({
      state: 'degraded',
      window: { used: 3, limit: null, learned: null },
      day: { used: 3, limit: 3 },
    });
  });
});
