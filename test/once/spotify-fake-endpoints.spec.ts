import { request } from 'node:http';
import { createConnection } from 'node:net';
import { signedIn } from '../fakes/spotify/fake-caller';
import { fakeId, fakeTrack } from '../fakes/spotify/fake-track';
import { SpotifyFake, startSpotifyFake } from '../fakes/spotify/spotify-fake';

const ISRC = 'GBBKS1500214';
const TRACK = fakeTrack({ isrc: ISRC, artists: ['Adele'], album: { name: '25', upc: '00602475093060' } });
const SEARCH = `/search?q=isrc:${ISRC}&type=track&limit=10`;

let fake: SpotifyFake;
let ask: Awaited<ReturnType<typeof signedIn>>;

beforeEach(async () => {
  fake = await startSpotifyFake({ catalogue: [TRACK], totalBugProbability: 0 });
  ask = await signedIn(fake);
});
afterEach(() => fake.stop());

describe('the other endpoints', () => {
  const artist = TRACK.artists[0]?.id ?? '';
  const album = TRACK.album.id;
  const unknown = fakeId('nobody');

  it('answer batches in extended mode only, null for unknown ids', async () => {
    const batches = ['/tracks?ids=', '/albums?ids=', '/artists?ids='];
    const removed = [
      ...batches,
      '/markets',
      `/artists/${artist}/top-tracks`,
      '/browse/new-releases',
      '/browse/categories',
    ];
    for (const path of removed) expect([path, (await ask(path)).status]).toEqual([path, 403]);
    fake.setMode('extended');
    const ids = `${unknown},${TRACK.id}`;
    expect((await ask(`/tracks?ids=${ids}`)).json).toMatchObject({ tracks: [null, { id: TRACK.id }] });
    expect((await ask(`/albums?ids=${album}`)).json).toMatchObject({
      albums: [{ id: album, label: 'A Label' }],
    });
    expect((await ask(`/artists?ids=${artist}`)).json).toMatchObject({
      artists: [{ id: artist, popularity: 50 }],
    });
    expect(await ask(`/tracks?ids=${ids},x`)).toMatchObject({
      status: 400,
      json: { error: { message: 'Invalid base62 id' } },
    });
    expect((await ask(`/albums?ids=${Array(21).fill(album).join()}`)).status).toBe(400);
    for (const path of removed.slice(3)) expect([path, (await ask(path)).status]).toEqual([path, 200]);
    expect((await ask('/recommendations')).status).toBe(403);
  });

  it('show album and artist by mode', async () => {
    const dev = await ask(`/albums/${album}`);
    expect(dev.json).toMatchObject({
      href: `${fake.apiUrl}/albums/${album}?locale=*`,
      external_ids: { upc: '00602475093060' },
      copyrights: [{ type: 'C' }, { type: 'P' }],
      tracks: { total: 1, limit: 50, items: [{ id: TRACK.id }] },
    });
    expect(dev.text).not.toMatch(/"(label|popularity|isrc|available_markets)"/);
    expect((await ask(`/artists/${artist}`)).text).not.toMatch(/"(followers|popularity)"/);
    expect((await ask(`/artists/${artist}/albums?limit=11`)).status).toBe(400);
    fake.setMode('extended');
    expect((await ask(`/artists/${artist}`)).json).toMatchObject({ followers: { href: null, total: 1000 } });
    expect((await ask(`/artists/${artist}/albums?limit=11`)).json).toMatchObject({
      items: [{ album_group: 'album' }],
    });
    const counted = { album: 1, artist: 2, other: 2 };
    expect(fake.stats.calls).toMatchObject(counted);
  });
});

describe('transport', () => {
  it('tags its answers and says 304 to who holds them', async () => {
    const { headers } = await ask(SEARCH);
    const etag = headers.get('etag') ?? '';
    const inner = Buffer.from(/^"MC-(.+)"$/.exec(etag)?.[1] ?? '', 'base64').toString();
    expect(inner).toBe(headers.get('mc-etag'));
    expect(Object.fromEntries(headers)).toMatchObject({
      'cache-control': 'public, max-age=0',
      'mc-cache-ttl': '7200',
      server: 'envoy',
    });
    const same = await ask(SEARCH, { 'if-none-match': `"x", W/${etag}` });
    expect([same.status, same.text, same.headers.get('etag')]).toEqual([304, '', etag]);
    fake.addTracks(fakeTrack({ isrc: ISRC, album: 'Another' }));
    expect((await ask(SEARCH, { 'if-none-match': etag })).status).toBe(200);
    const missing = await ask('/tracks/0000000000000000000000');
    expect([missing.headers.get('etag'), missing.headers.get('cache-control')]).toEqual([
      null,
      'private, max-age=0',
    ]);
  });

  it('packs for who takes gzip, and keeps the connection', async () => {
    expect((await ask(SEARCH, { 'accept-encoding': 'gzip' })).headers.get('content-encoding')).toBe('gzip');
    expect((await ask(SEARCH, { 'accept-encoding': 'gzip;q=0' })).headers.get('content-encoding')).toBeNull();
    expect((await ask(SEARCH, { 'accept-encoding': 'br' })).headers.get('content-encoding')).toBeNull();
    const connection = await new Promise((resolve) => {
      request(`${fake.apiUrl}/tracks/x`, (response) => {
        resolve([response.httpVersion, response.headers.connection]);
        response.resume();
      }).end();
    });
    expect(connection).toEqual(['1.1', 'keep-alive']);
  });

  it('echoes the language in its links', async () => {
    const { json } = await ask(SEARCH, { 'accept-language': 'en-US' });
    expect(json).toMatchObject({ tracks: { href: expect.stringMatching(/&locale=en-US$/) as unknown } });
  });

  it('listens on one loopback address only', async () => {
    const port = Number(new URL(fake.apiUrl).port);
    // On Linux all of 127/8 is this machine: a server bound to every address would answer here.
    const outcome = await new Promise((resolve) => {
      const socket = createConnection(port, '127.0.0.2', () => {
        socket.destroy();
        resolve('open');
      });
      socket.setTimeout(2_000, () => socket.destroy(new Error('timeout')));
      socket.on('error', () => {
        resolve('closed');
      });
    });
    expect(outcome).toBe('closed');
  });
});
