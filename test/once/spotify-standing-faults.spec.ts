import type { Isrc } from '../../src/recording/isrc';
import type { SpotifySettings } from '../../src/spotify/spotify-settings';
import { fakeTrack } from '../fakes/spotify/fake-track';
import { type SpotifyFake, startSpotifyFake } from '../fakes/spotify/spotify-fake';
import { type SourceProcess, type SourceWorld, sourceWorld } from '../support/spotify-source';

/* What stands for longer than a call, and what is counted. Real: the module, the budget in SQLite, HTTP, the stand-in. Not real: the clock. */

const ISRC = 'USVT10300001' as Isrc;

let spotify: SpotifyFake;
let world: SourceWorld;

async function begin(): Promise<void> {
  world = await sourceWorld();
  spotify = await startSpotifyFake({ now: () => world.clock.ms });
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

describe('a configuration fault', () => {
  it.each([
    [
      'a wrong secret',
      { token: 1, search: 0 },
      (running: SourceProcess, isGood: boolean) => {
        running.settings.clientSecret = isGood ? spotify.clientSecret : 'wrong';
      },
    ],
    [
      'a lapsed Premium',
      { token: 0, search: 1 },
      (_running: SourceProcess, isGood: boolean) => {
        spotify.setPremium(isGood, 'text');
      },
    ],
  ])('%s: one call a minute, told once, recovered without restart', async (what, aMinute, setGood) => {
    await begin();
    const running = await start();
    if (what === 'a lapsed Premium') await find(running);
    setGood(running, false);
    spotify.resetStats();
    for (let minute = 1; minute <= 5; minute += 1) {
      for (let turn = 0; turn < 10; turn += 1) expect(await find(running)).toBe('source-error');
      expect(calls()).toEqual({ token: aMinute.token * minute, search: aMinute.search * minute });
      world.clock.ms += 60_000;
    }
    expect(await running.source.report()).toMatchObject({
      state: 'degraded',
      fault: { message: expect.stringMatching(/credentials|Premium/) as string },
      lastFailure: { slug: 'source-error' },
    });
    setGood(running, true);
    for (let turn = 0; turn < 10; turn += 1) expect(await find(running)).toBe('found');
    expect(world.lines).toEqual([
      expect.stringMatching(/^error Spotify refuses/),
      expect.stringMatching(/^log Mended/),
    ]);
    expect(await running.source.report()).toMatchObject({ state: 'ok', fault: null });
  });
});

describe('a 403 that does not say why', () => {
  it('is told to its caller alone; the third in a row is a fault of all', async () => {
    await begin();
    const running = await start();
    for (let round = 0; round < 5; round += 1) {
      spotify.failNext({ kind: 'forbidden' }, 2);
      expect([await find(running), await find(running)]).toEqual(['source-error', 'source-error']);
      expect(await running.source.report()).toMatchObject({ state: 'ok', fault: null });
      expect(await find(running)).toBe('found');
    }
    expect(world.lines).toEqual([]);

    spotify.setFault({ kind: 'forbidden' });
    spotify.resetStats();
    for (let turn = 0; turn < 10; turn += 1) expect(await find(running)).toBe('source-error');
    expect(calls().search).toBe(3);
    expect(await running.source.report()).toMatchObject({
      state: 'degraded',
      fault: { message: expect.stringContaining('every call') as string },
    });
    spotify.clearFaults();
    world.clock.ms += 60_000;
    expect(await find(running)).toBe('found');
    expect(world.lines).toEqual([
      expect.stringMatching(/^error Spotify refuses every call/),
      expect.stringMatching(/^log Mended/),
    ]);
  });
});

describe('a 429 while the database fails', () => {
  it('is obeyed from memory, and by all once the database is back', async () => {
    await begin();
    const running = await start();
    await find(running);
    const letGo = spotify.hold();
    spotify.failNext({ kind: 'rate-limit', body: 'quota', retryAfter: 7200 });
    const limited = find(running);
    while (spotify.stats.calls.search < 2) await new Promise((resolve) => setTimeout(resolve, 5));
    await running.dataSource.query('ALTER TABLE upstream_budget RENAME TO away');
    letGo();
    expect(await limited).toBe('source-unavailable 7200');
    // The table is away: what is known is told all the same, at once.
    expect(await find(running)).toBe('source-unavailable 7200');

    await running.dataSource.query('ALTER TABLE away RENAME TO upstream_budget');
    world.clock.ms += 60_000;
    expect(await find(running)).toBe('source-unavailable 7140');
    const other = await start();
    const isTold = async () => (await other.source.report()).cooldown !== null;
    while (!(await isTold())) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await other.source.report()).toMatchObject({ cooldown: { reason: 'quota', seconds: 7140 } });
    expect(await find(other)).toBe('source-unavailable 7140');
    expect(calls().search).toBe(2);

    world.clock.ms += 7_140_000;
    expect([await find(other), await find(running)]).toEqual(['found', 'found']);
    expect(spotify.stats.callsDuringBan).toBe(0);
  });
});

describe('a wall clock that is set', () => {
  it.each([-5, 5])('by %i hours: neither breaker, fault, token nor caller waits for it', async (hours) => {
    await begin();
    const running = await start();
    await find(running);
    spotify.setFault({ kind: 'status', status: 500 });
    for (let turn = 0; turn < 4; turn += 1) await find(running);
    expect(await running.source.report()).toMatchObject({ breakers: { api: 'open' } });
    spotify.clearFaults();
    world.clock.wallAheadMs = hours * 3_600_000;
    expect(await find(running)).toMatch(/^source-unavailable (\d|10)$/);
    world.clock.ms += 10_000;
    expect(await find(running)).toBe('found');
    expect(await running.source.report()).toMatchObject({ state: 'ok', breakers: { api: 'closed' } });
    expect(calls().token).toBe(1);

    // A cooldown: set back, it lasts as long as was left of it; set forward, one probe goes and is told the truth.
    spotify.ban(60);
    expect(await find(running)).toBe('source-unavailable 66');
    const sent = calls().search;
    world.clock.wallAheadMs += hours * 3_600_000;
    const ended = [await find(running), await find(running), await find(running)];
    expect(ended).not.toContain('found');
    expect(calls().search - sent).toBe(hours > 0 ? 1 : 0);
  });
});

describe('what is counted', () => {
  it('has every figure that metrics need, and none falls', async () => {
    await begin();
    const running = await start({ requestsPerDay: 100 });
    await find(running);
    spotify.failNext({ kind: 'status', status: 502 }, 1);
    await find(running);
    spotify.failNext({ kind: 'rate-limit', retryAfter: 5 });
    await find(running);
    await find(running);
    world.clock.ms += 31_000;
    await find(running, 'bulk');
    world.clock.ms += 31_000;
    spotify.failNext({ kind: 'html' });
    await find(running);
    spotify.failNext({ kind: 'rate-limit', body: 'quota', retryAfter: 600 });
    await find(running);
    expect(await running.source.report()).toMatchObject({
      window: { used: 2, limit: null, learned: 3 },
      day: { used: 7, limit: 100, bulkUsed: 1, bulkLimit: 80 },
      cooldown: { seconds: 600, reason: 'quota' },
      breakers: { api: 'closed', accounts: 'closed' },
      counts: {
        calls: {
          api: {
            ...{ ok: 3, outage: 1, 'rate-limited': 1, 'quota-exceeded': 1 },
            ...{ error: 1, timeout: 0, 'not-sent': 1, cancelled: 0 },
          },
          accounts: { ok: 1 },
        },
        retries: 1,
        notModified: 2,
        breakersOpened: { api: 0, accounts: 0 },
      },
    });
  });
});
