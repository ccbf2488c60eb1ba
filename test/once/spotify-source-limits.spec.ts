import { inspect } from 'node:util';
import type { Isrc } from '../../src/recording/isrc';
import { SourceError, SourceUnavailableError } from '../../src/recording/recording-source';
import type { SpotifySettings } from '../../src/spotify/spotify-settings';
import type { SpotifySource } from '../../src/spotify/spotify-source';
import { fakeTrack } from '../fakes/spotify/fake-track';
import { type SpotifyFake, startSpotifyFake } from '../fakes/spotify/spotify-fake';
import { INTERACTIVE, type SourceWorld, sourceWorld } from '../support/spotify-source';

/* Real: the module, HTTP, and the stand-in for both hosts of Spotify. Not real: the clock. */

const ISRC = 'USVT10300001' as Isrc;
const CLIENT_SECRET = 'SECRETsecretSECRETsecret01234567';

let spotify: SpotifyFake;
let world: SourceWorld;

async function sourceWith(settings: Partial<SpotifySettings> = {}): Promise<SpotifySource> {
  const { clientId, clientSecret, apiUrl, accountsUrl } = spotify;
  return (await world.start({ clientId, clientSecret, apiUrl, accountsUrl, ...settings })).source;
}

/** As many releases of one recording, so that each has a track of its own. */
function releases(count: number, isrc: string = ISRC): ReturnType<typeof fakeTrack>[] {
  return Array.from({ length: count }, (_unused, index) => fakeTrack({ isrc, album: `Release ${index}` }));
}

/** The error that a find ends with; whatever it is, it must not show a secret. */
async function failureOf(source: SpotifySource): Promise<Error> {
  const error: unknown = await source.findByIsrc(ISRC, INTERACTIVE).then(
    () => new Error('found without an error'),
    (caught: unknown) => caught,
  );
  const shown = `${inspect(error, { depth: 10, showHidden: true })} ${JSON.stringify(error)}`;
  const basic = Buffer.from(`${spotify.clientId}:${CLIENT_SECRET}`).toString('base64');
  for (const secret of [CLIENT_SECRET, basic, 'Bearer', 'Basic']) expect(shown).not.toContain(secret);
  // Tokens of the stand-in begin so and are long.
  expect(shown).not.toMatch(/BQ\w{20}/);
  return error as Error;
}

beforeEach(async () => {
  world = await sourceWorld();
  spotify = await startSpotifyFake({ clientSecret: CLIENT_SECRET, now: () => world.clock.ms });
});

afterEach(async () => {
  await world.end();
  await spotify.stop();
});

describe('tokens', () => {
  it('fetches one for 50 finds at once', async () => {
    spotify.addTracks(fakeTrack({ isrc: ISRC }));
    const source = await sourceWith();
    await Promise.all(Array.from({ length: 50 }, () => source.findByIsrc(ISRC, INTERACTIVE)));
    expect(spotify.stats.tokenCalls).toBe(1);
  });

  it('renews a revoked one once under 200 finds at once, and all succeed', async () => {
    spotify.addTracks(fakeTrack({ isrc: ISRC }));
    const source = await sourceWith();
    await source.findByIsrc(ISRC, INTERACTIVE);
    spotify.resetStats();
    spotify.revokeAllTokens();
    spotify.setLatency([0, 20]);
    const found = await Promise.all(Array.from({ length: 200 }, () => source.findByIsrc(ISRC, INTERACTIVE)));
    expect(found.every((recording) => recording !== null)).toBe(true);
    expect(spotify.stats.tokenCalls).toBe(1);
    expect(spotify.stats.calls.search).toBeLessThanOrEqual(400);
  });

  it('renews one before it expires, so that no call meets a 401', async () => {
    spotify.addTracks(fakeTrack({ isrc: ISRC }));
    const source = await sourceWith();
    for (let hours = 0; hours < 5; hours += 1) {
      await source.findByIsrc(ISRC, INTERACTIVE);
      world.clock.ms += 3_599_000;
    }
    expect(spotify.stats).toMatchObject({ tokenCalls: 5, calls: { search: 5 } });
  });

  it('gives up after a second 401', async () => {
    spotify.setFault({ kind: 'invalid-token' });
    expect(await failureOf(await sourceWith())).toBeInstanceOf(SourceError);
    expect(spotify.stats).toMatchObject({ tokenCalls: 2, calls: { search: 2 } });
  });

  it.each(['clientId', 'clientSecret'])('names refused credentials, here a wrong %s', async (wrong) => {
    const error = await failureOf(await sourceWith({ [wrong]: 'wrongWRONGwrongWRONGwrong' }));
    expect(error).toBeInstanceOf(SourceError);
    expect(error.message).toMatch(/^Spotify refuses the client credentials/);
    expect(inspect(error, { depth: 10 })).not.toContain('wrongWRONG');
    expect(spotify.stats).toMatchObject({ tokenCalls: 1, calls: { search: 0 } });
  });

  it('forgets a failed fetch', async () => {
    spotify.addTracks(fakeTrack({ isrc: ISRC }));
    spotify.failNext({ kind: 'status', status: 503, body: 'text' }, 3, 'token');
    const source = await sourceWith();
    expect(await failureOf(source)).toBeInstanceOf(SourceUnavailableError);
    await expect(source.findByIsrc(ISRC, INTERACTIVE)).resolves.not.toBeNull();
  });
});

describe('limits', () => {
  it.each([
    ['json', 7, 7],
    ['text', 20_520, 20_520],
    ['json', 'date', 30],
    ['empty', 'missing', 30],
    ['json', 'garbage', 30],
    ['text', 9_999_999, 86_400],
    ['quota', 48_925, 48_925],
    ['quota', 'missing', 3600],
  ] as const)(
    '429 (%s, Retry-After %p): refuses for %p s without a call, then goes on',
    async (body, retryAfter, seconds) => {
      spotify.addTracks(fakeTrack({ isrc: ISRC }));
      spotify.failNext({ kind: 'rate-limit', body, retryAfter });
      const source = await sourceWith();
      expect(await failureOf(source)).toMatchObject({
        slug: 'source-unavailable',
        retryAfterSeconds: seconds,
      });

      const untilMs = world.clock.ms + seconds * 1000;
      world.clock.ms = untilMs - 2001;
      const start = Date.now();
      for (let turn = 0; turn < 100; turn += 1) {
        await expect(source.findByIsrc(ISRC, INTERACTIVE)).rejects.toMatchObject({ retryAfterSeconds: 3 });
      }
      expect(Date.now() - start).toBeLessThan(10_000);
      expect(spotify.stats).toMatchObject({ calls: { search: 1 }, callsDuringBan: 0 });

      // Two seconds are waited out.
      world.clock.ms += 1;
      await expect(source.findByIsrc(ISRC, INTERACTIVE)).resolves.not.toBeNull();
      expect(world.clock.ms).toBe(untilMs);
    },
  );

  it('429 with Retry-After 0: the next find waits for a second', async () => {
    spotify.addTracks(fakeTrack({ isrc: ISRC }));
    spotify.failNext({ kind: 'rate-limit', retryAfter: 0 });
    const source = await sourceWith();
    const startMs = world.clock.ms;
    expect(await failureOf(source)).toMatchObject({ retryAfterSeconds: 1 });
    await expect(source.findByIsrc(ISRC, INTERACTIVE)).resolves.not.toBeNull();
    expect(world.clock.ms).toBe(startMs + 1000);
    expect(spotify.stats.calls.search).toBe(2);
  });

  it('sends nothing during a ban of the account, however often it is asked', async () => {
    spotify.ban(46_649);
    const source = await sourceWith();
    expect(await failureOf(source)).toMatchObject({ retryAfterSeconds: 51_314 });
    spotify.resetStats();
    await Promise.allSettled(Array.from({ length: 50 }, () => source.findByIsrc(ISRC, INTERACTIVE)));
    expect(spotify.stats).toMatchObject({ tokenCalls: 0, calls: { search: 0 }, callsDuringBan: 0 });
  });

  it('a limit met on the second page ends the find and holds for the next', async () => {
    spotify.addTracks(...releases(15));
    spotify.setLimits({ windowLimit: 1 });
    const source = await sourceWith();
    expect(await failureOf(source)).toMatchObject({ slug: 'source-unavailable', retryAfterSeconds: 30 });
    expect(await failureOf(source)).toMatchObject({ retryAfterSeconds: 30 });
    expect(spotify.stats.calls.search).toBe(2);
  });
});

describe('calls', () => {
  it('say who calls and take gzip alone', async () => {
    await (await sourceWith()).findByIsrc(ISRC, INTERACTIVE);
    expect(spotify.stats.requests).toHaveLength(2);
    for (const { headersWithoutAuthorization: headers } of spotify.stats.requests) {
      expect(headers).toMatchObject({
        'user-agent': 'deadwax',
        'accept-encoding': 'gzip',
        accept: 'application/json',
      });
    }
  });

  it('go to Spotify itself, whatever proxy the machine names', async () => {
    const names = ['HTTP_PROXY', 'http_proxy'];
    for (const name of names) process.env[name] = 'http://127.0.0.1:9';
    try {
      await expect((await sourceWith()).findByIsrc(ISRC, INTERACTIVE)).resolves.toBeNull();
    } finally {
      for (const name of names) Reflect.deleteProperty(process.env, name);
    }
  });
});

describe('failures', () => {
  const OUTAGES = [
    ...([500, 502, 503, 504] as const).map((status) => ({ kind: 'status', status, body: 'html' }) as const),
    { kind: 'reset' },
    { kind: 'reset', when: 'mid-body' },
  ] as const;

  it.each(OUTAGES)('%j twice: made good within the find', async (fault) => {
    spotify.addTracks(fakeTrack({ isrc: ISRC }));
    spotify.failNext(fault, 2);
    await expect((await sourceWith()).findByIsrc(ISRC, INTERACTIVE)).resolves.not.toBeNull();
    expect(spotify.stats.calls.search).toBe(3);
  });

  it.each(OUTAGES)('%j three times: unavailable, and asked again by the next find', async (fault) => {
    spotify.addTracks(fakeTrack({ isrc: ISRC }));
    spotify.failNext(fault, 3);
    const source = await sourceWith();
    expect(await failureOf(source)).toMatchObject({ slug: 'source-unavailable', retryAfterSeconds: 5 });
    expect(spotify.stats.calls.search).toBe(3);
    await expect(source.findByIsrc(ISRC, INTERACTIVE)).resolves.not.toBeNull();
  });

  it.each([
    [{ kind: 'stall' }, 'source-timeout'],
    [{ kind: 'drip' }, 'source-timeout'],
    [{ kind: 'truncated' }, 'source-error'],
    [{ kind: 'html' }, 'source-error'],
    [{ kind: 'empty-body' }, 'source-error'],
    [{ kind: 'error-body' }, 'source-error'],
    [{ kind: 'huge' }, 'source-error'],
    [{ kind: 'redirect' }, 'source-error'],
  ] as const)('%j: %s after one call, and the next find succeeds', async (fault, slug) => {
    spotify.addTracks(fakeTrack({ isrc: ISRC }));
    spotify.failNext(fault);
    const source = await sourceWith(slug === 'source-timeout' ? { timeoutMs: 500 } : {});
    expect(await failureOf(source)).toMatchObject({ slug });
    expect(spotify.stats.calls.search).toBe(1);
    await expect(source.findByIsrc(ISRC, INTERACTIVE)).resolves.not.toBeNull();
    expect(spotify.stats.requests.some(({ path }) => path === '/__elsewhere')).toBe(false);
  });

  it.each(['json', 'text'] as const)('a lapsed Premium, told as %s, is named', async (as) => {
    spotify.setPremium(false, as);
    const error = await failureOf(await sourceWith());
    expect(error).toBeInstanceOf(SourceError);
    expect(error.message).toContain('Premium');
  });
});

describe('more callers at once than the pace lets through', () => {
  it('are told at once where their turn comes too late, each a later time, and no turn is lost', async () => {
    const isrcs = Array.from({ length: 60 }, (_unused, n) => `USVT1030${String(n).padStart(4, '0')}` as Isrc);
    spotify.addTracks(...isrcs.map((isrc) => fakeTrack({ isrc, album: `Release ${isrc}` })));
    const source = await sourceWith({ requestsPer30s: 25 });
    const slept = world.clock.ms;
    const ends = await Promise.all(
      isrcs.map((isrc) =>
        source.findByIsrc(isrc, INTERACTIVE).then(
          () => ({ waitedMs: world.clock.ms - slept, retryAfter: null }),
          (error: unknown) => ({
            waitedMs: world.clock.ms - slept,
            retryAfter: (error as SourceUnavailableError).retryAfterSeconds,
          }),
        ),
      ),
    );
    const refused = ends.filter(({ retryAfter }) => retryAfter !== null);
    expect(refused.length).toBeGreaterThan(30);
    expect(new Set(refused.map(({ waitedMs }) => waitedMs))).toEqual(new Set([0]));
    const told = refused.map(({ retryAfter }) => Number(retryAfter));
    // One place after another, at the pace of 25 in 30 seconds.
    expect(Math.max(...told)).toBeGreaterThan(25);
    expect(Math.min(...told)).toBeLessThan(6);
    expect(ends.length - refused.length).toBeGreaterThanOrEqual(12);
  });
});
