import { Answer, askToken, basic, call, signedIn } from '../fakes/spotify/fake-caller';
import { fakeTrack } from '../fakes/spotify/fake-track';
import { SpotifyFake, SpotifyFakeOptions, startSpotifyFake } from '../fakes/spotify/spotify-fake';
import { REALISTIC_LIMITS } from '../fakes/spotify/spotify-mode';

const ISRC = 'GBBKS1500214';
const TRACK = fakeTrack({ isrc: ISRC, artists: ['Adele'], album: { name: '25', upc: '00602475093060' } });
const SEARCH = `/search?q=isrc:${ISRC}&type=track&limit=10`;
const HOUR = 3_600_000;

let fake: SpotifyFake;
let ask: Awaited<ReturnType<typeof signedIn>>;
let now: number;

async function start(options: SpotifyFakeOptions = {}): Promise<void> {
  now = Date.UTC(2026, 10, 22);
  fake = await startSpotifyFake({ catalogue: [TRACK], totalBugProbability: 0, now: () => now, ...options });
  ask = await signedIn(fake);
}
afterEach(() => fake.stop());

async function statuses(count: number, path: string): Promise<number[]> {
  const found: number[] = [];
  for (let index = 0; index < count; index++) found.push((await ask(path)).status);
  return found;
}

function retryAfter(answer: Answer): number {
  expect(answer.status).toBe(429);
  return Number(answer.headers.get('retry-after'));
}

describe('tokens', () => {
  it('come for Basic and for form credentials, opaque and different', async () => {
    await start({ clientId: 'me', clientSecret: 'a:b' });
    const first = await askToken(fake);
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: 'me',
      client_secret: 'a:b',
    });
    const second = await askToken(fake, {}, form);
    expect(first.json).toEqual({
      access_token: expect.stringMatching(/^BQ[\w-]{100,300}$/) as unknown,
      token_type: 'Bearer',
      expires_in: 3600,
    });
    expect(second.status).toBe(200);
    expect(second.json).not.toEqual(first.json);
    expect(fake.stats.tokenCalls).toBe(3);
  });

  it('are refused without a client, and to grants that need a user', async () => {
    await start();
    const body = new URLSearchParams({ grant_type: 'client_credentials' });
    expect((await askToken(fake, {}, body)).json).toEqual({
      error: 'invalid_client',
      error_description: 'Invalid client',
    });
    const authorization = basic(fake.clientId, fake.clientSecret);
    const refresh = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: 'x' });
    expect(await askToken(fake, { authorization }, refresh)).toMatchObject({ status: 400 });
    expect((await call(`${fake.accountsUrl}/api/token`)).status).toBe(404);
  });

  it('end by time and by revocation', async () => {
    await start({ tokenSeconds: 5 });
    now += 4_999;
    expect((await ask(SEARCH)).status).toBe(200);
    now += 1;
    expect(await ask(SEARCH)).toMatchObject({
      status: 401,
      json: { error: { message: 'The access token expired' } },
    });
    ask = await signedIn(fake);
    expect((await ask(SEARCH)).status).toBe(200);
    fake.revokeAllTokens();
    expect(await ask(SEARCH)).toMatchObject({
      status: 401,
      json: { error: { message: 'Invalid access token' } },
    });
  });

  it('are still issued when the owner has no Premium', async () => {
    await start({ premium: false });
    expect((await askToken(fake)).status).toBe(200);
    expect(await statuses(1, SEARCH)).toEqual([403]);
    expect(await statuses(1, `/artists/${TRACK.artists[0]?.id ?? ''}`)).toEqual([403]);
    fake.setPremium(true);
    expect(await statuses(1, SEARCH)).toEqual([200]);
  });

  it('follow from the seed', async () => {
    await start({ seed: 7 });
    const { json } = await askToken(fake);
    await fake.stop();
    await start({ seed: 7 });
    expect((await askToken(fake)).json).toEqual(json);
  });
});

describe('the 30-second window', () => {
  it('rolls, and says when a slot frees', async () => {
    await start({ windowLimit: 3 });
    expect(await statuses(2, SEARCH)).toEqual([200, 200]);
    now += 10_000;
    expect(await statuses(1, SEARCH)).toEqual([200]);
    expect(retryAfter(await ask(SEARCH))).toBe(20);
    expect(fake.stats).toMatchObject({ rejected429: 1, callsDuringBan: 0, peakIn30s: 4 });
    now += 20_000;
    expect(await statuses(3, SEARCH)).toEqual([200, 200, 429]);
    expect(fake.stats.callsDuringBan).toBe(0);
    now += 1_000;
    expect(retryAfter(await ask(SEARCH))).toBe(9);
    expect(fake.stats.callsDuringBan).toBe(1);
  });

  it('may be set at run time, to realistic values', async () => {
    await start();
    expect(new Set(await statuses(40, SEARCH))).toEqual(new Set([200]));
    fake.liftBans();
    fake.setLimits(REALISTIC_LIMITS.dev);
    expect((await statuses(31, SEARCH)).filter((status) => status === 429)).toHaveLength(1);
  });
});

describe('the daily quota', () => {
  it('blocks search until the oldest search leaves, other calls go on', async () => {
    await start({ dayQuota: 3, tokenSeconds: 1e6 });
    expect(await statuses(2, SEARCH)).toEqual([200, 200]);
    now += 11 * HOUR;
    expect(await statuses(1, SEARCH)).toEqual([200]);
    const refused = await ask(SEARCH);
    expect(retryAfter(refused)).toBe(13 * 3600);
    expect(refused.json).toEqual({
      error: { status: 429, message: 'Too many requests', reason: 'QUOTA_EXCEEDED' },
    });
    expect(await statuses(1, `/tracks/${TRACK.id}`)).toEqual([200]);
    expect(fake.stats.callsDuringBan).toBe(0);
    now += 13 * HOUR;
    expect(await statuses(3, SEARCH)).toEqual([200, 200, 429]);
  });

  it('punishes each call during the ban with a tenth more, up to two days', async () => {
    await start({ tokenSeconds: 1e6 });
    fake.ban(10_000, 'search');
    expect(retryAfter(await ask(SEARCH))).toBe(11_000);
    expect(retryAfter(await ask(SEARCH))).toBe(12_000);
    expect(await statuses(1, `/tracks/${TRACK.id}`)).toEqual([200]);
    for (let index = 0; index < 200; index++) await ask(SEARCH);
    expect(retryAfter(await ask(SEARCH))).toBe(48 * 3600);
    expect(fake.stats.callsDuringBan).toBe(203);
    now += 48 * HOUR;
    expect(await statuses(1, SEARCH)).toEqual([200]);
  });

  it('counts each other endpoint apart', async () => {
    await start({ otherDayQuota: 1 });
    expect(await statuses(2, `/tracks/${TRACK.id}`)).toEqual([200, 429]);
    expect(await statuses(2, `/albums/${TRACK.album.id}`)).toEqual([200, 429]);
    expect(await statuses(2, SEARCH)).toEqual([200, 200]);
    fake.liftBans();
    expect(await statuses(1, `/tracks/${TRACK.id}`)).toEqual([200]);
  });

  it('counts calls that ignore a 429 of a fault, without refusing them', async () => {
    await start();
    fake.failNext({ kind: 'rate-limit', body: 'quota', retryAfter: 3600 }, 1, 'search');
    expect(await statuses(2, SEARCH)).toEqual([429, 200]);
    expect(fake.stats.callsDuringBan).toBe(1);
    now += 3_600_000 - 1;
    await ask(SEARCH);
    now += 1;
    await ask(SEARCH);
    expect(fake.stats.callsDuringBan).toBe(2);
    fake.failNext({ kind: 'rate-limit', retryAfter: 'date', dateSeconds: 60 });
    await ask(SEARCH);
    await ask(`/tracks/${TRACK.id}`);
    expect(fake.stats.callsDuringBan).toBe(3);
  });
});

describe('the counters', () => {
  it('are kept without secrets, served as JSON, and reset in place', async () => {
    await start({ badGatewayProbability: 1 });
    const { stats } = fake;
    expect((await ask(SEARCH)).status).toBe(502);
    expect(stats).toMatchObject({
      tokenCalls: 1,
      calls: { search: 1 },
      searches: { [ISRC]: 1 },
      peakIn30s: 1,
    });
    expect(stats.requests[1]).toMatchObject({
      at: now,
      method: 'GET',
      path: '/v1/search',
      query: { type: 'track' },
    });
    expect(JSON.stringify(stats)).not.toContain('authorization');
    expect((await call(`${fake.accountsUrl}/__admin/stats`)).json).toEqual(stats);
    fake.resetStats();
    expect(stats).toMatchObject({
      tokenCalls: 0,
      calls: { search: 0 },
      searches: {},
      requests: [],
      peakIn30s: 0,
    });
  });
});
