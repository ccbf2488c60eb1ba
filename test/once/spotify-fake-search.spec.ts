import { SMALL_MARKET_SET } from '../fakes/spotify/catalogue';
import { Answer, signedIn } from '../fakes/spotify/fake-caller';
import { FakeTrackInput, fakeTrack } from '../fakes/spotify/fake-track';
import { ALL_MARKETS } from '../fakes/spotify/markets';
import { readIsrcs, SAMPLE_ISRCS, sampleCatalogue } from '../fakes/spotify/sample-catalogue';
import { SpotifyFake, SpotifyFakeOptions, startSpotifyFake } from '../fakes/spotify/spotify-fake';

type Item = Record<string, unknown> & {
  id: string;
  album: Record<string, unknown>;
  external_ids: { isrc?: string };
};
interface Page {
  href: string;
  limit: number;
  offset: number;
  total: number;
  next: string | null;
  previous: string | null;
  items: Item[];
}

const ISRC = 'GBBKS1500214';
let fake: SpotifyFake;
let ask: Awaited<ReturnType<typeof signedIn>>;

async function start(options: SpotifyFakeOptions, ...tracks: FakeTrackInput[]): Promise<void> {
  fake = await startSpotifyFake({ totalBugProbability: 0, ...options });
  fake.addTracks(...tracks.map(fakeTrack));
  ask = await signedIn(fake);
}
afterEach(() => fake.stop());

function page(answer: Answer): Page {
  expect(answer.status).toBe(200);
  return (answer.json as { tracks: Page }).tracks;
}

async function find(isrc: string, more = ''): Promise<Page> {
  return page(await ask(`/search?q=isrc:${isrc}&type=track&limit=10${more}`));
}

function releases(count: number): FakeTrackInput[] {
  return Array.from({ length: count }, (_, index) => ({ isrc: ISRC, album: `Release ${index}` }));
}

describe('paging', () => {
  it('has the limits and presets of each mode', async () => {
    await start({}, ...releases(60));
    const items = async (limit: string): Promise<number> =>
      page(await ask(`/search?q=isrc:${ISRC}&type=track${limit}`)).items.length;
    const status = async (limit: string): Promise<number> =>
      (await ask(`/search?q=isrc:${ISRC}&type=track&limit=${limit}`)).status;
    expect([await items(''), await items('&limit=10'), await status('11'), await status('0')]).toEqual([
      5, 10, 400, 400,
    ]);
    fake.setMode('extended');
    expect([await items(''), await items('&limit=50'), await status('51'), await status('x')]).toEqual([
      20, 50, 400, 400,
    ]);
  });

  it('links its pages and ends them', async () => {
    await start({}, ...releases(11));
    const first = await find(ISRC);
    const query = `limit=10&query=isrc%3A${ISRC}&type=track&locale=*`;
    expect(first).toMatchObject({ total: 11, limit: 10, offset: 0, previous: null });
    expect(first.href).toBe(`${fake.apiUrl}/search?offset=0&${query}`);
    expect(first.next).toBe(`${fake.apiUrl}/search?offset=10&${query}`);
    const second = await find(ISRC, '&offset=10');
    expect(second).toMatchObject({ total: 11, next: null, previous: first.href });
    expect(second.items).toHaveLength(1);
    expect((await find(ISRC, '&offset=990')).items).toHaveLength(0);
  });

  it('loses total and next, never items, for a share of queries that stays the same', async () => {
    await start({ mode: 'dev', catalogue: sampleCatalogue() }, ...releases(11));
    fake.setTotalBugProbability(1);
    expect(await find(ISRC)).toMatchObject({ total: 0, next: null, items: expect.any(Array) as unknown });
    expect((await find(ISRC)).items).toHaveLength(10);
    fake.setTotalBugProbability(0.3);
    const buggy = async (): Promise<string[]> => {
      const isrcs = readIsrcs().slice(0, 200);
      const pages = await Promise.all(isrcs.map(({ isrc }) => find(isrc)));
      return isrcs.filter((_, index) => pages[index]?.total === 0).map(({ isrc }) => isrc);
    };
    const struck = await buggy();
    expect(struck.length).toBeGreaterThan(30);
    expect(struck.length).toBeLessThan(90);
    expect(await buggy()).toEqual(struck);
  });
});

describe('the query', () => {
  it('compares ISRCs whatever their spelling, and shows them as stored', async () => {
    await start({}, { isrc: 'GB-SMU-24-01851' }, { isrc: 'ushm91403271' });
    expect((await find('GBSMU2401851')).items[0]?.external_ids).toEqual({ isrc: 'GB-SMU-24-01851' });
    expect((await find('USHM91403271')).items[0]?.external_ids).toEqual({ isrc: 'ushm91403271' });
    expect((await find('us-hm9-14-03271')).items).toHaveLength(1);
  });

  it('can compare them to the letter', async () => {
    await start({ isrcMatching: 'exact' }, { isrc: 'GB-SMU-24-01851' });
    expect((await find('GBSMU2401851')).items).toHaveLength(0);
    expect((await find('GB-SMU-24-01851')).items).toHaveLength(1);
  });

  it('knows no OR, and isrc: for tracks only', async () => {
    await start({}, { isrc: ISRC }, { isrc: 'USUM71900764' });
    expect((await find(`${ISRC}%20OR%20isrc:USUM71900764`)).total).toBe(0);
    const { json } = await ask(`/search?q=isrc:${ISRC}&type=album,track`);
    expect(json).toMatchObject({ albums: { total: 0 }, tracks: { total: 1 } });
    expect(fake.stats.searches).toEqual({ [ISRC]: 2, USUM71900764: 1 });
  });

  it('takes a UPC with its leading zeros only', async () => {
    await start({}, { isrc: ISRC, album: { name: '25', upc: '00602475093060' } });
    expect((await ask('/search?q=upc:602475093060&type=album')).json).toMatchObject({ albums: { total: 0 } });
    expect((await ask('/search?q=upc:00602475093060&type=album')).json).toMatchObject({
      albums: { total: 1 },
    });
  });

  it('finds by words and by fields', async () => {
    await start(
      {},
      { isrc: ISRC, title: 'Hello', artists: ['Adele'], album: '25' },
      { isrc: null, title: 'Hallo' },
    );
    const total = async (q: string): Promise<number> =>
      page(await ask(`/search?type=track&q=${encodeURIComponent(q)}`)).total;
    expect(await total('hello adele')).toBe(1);
    expect(await total('track:"hello" artist:adele')).toBe(1);
    expect(await total('track:hello artist:"an artist"')).toBe(0);
    expect(await total('h year:2010-2016')).toBe(2);
    expect(await total('genre:pop')).toBe(0);
  });

  it('may be 250 characters long, counted decoded', async () => {
    await start({});
    expect((await ask(`/search?type=track&q=${encodeURIComponent('é'.repeat(250))}`)).status).toBe(200);
    expect((await ask(`/search?type=track&q=${'a'.repeat(251)}`)).status).toBe(400);
  });
});

describe('fields by mode and market', () => {
  const lost = ['popularity', 'available_markets', 'preview_url'];

  it('leaves out in dev mode what extended mode has', async () => {
    await start({}, { isrc: ISRC });
    const [dev] = (await find(ISRC)).items;
    fake.setMode('extended');
    const [extended] = (await find(ISRC)).items;
    expect(lost.filter((field) => field in (dev ?? {}))).toEqual([]);
    expect(lost.filter((field) => field in (extended ?? {}))).toEqual(lost);
    expect(extended?.album['available_markets']).toEqual(ALL_MARKETS);
    expect(dev?.external_ids).toEqual({ isrc: ISRC });
    expect(dev && 'is_playable' in dev).toBe(false);
  });

  it('needs the market for what is sold in few countries', async () => {
    await start({}, { isrc: 'SELEB9702010', markets: ['NO'] });
    expect((await find('SELEB9702010')).items).toHaveLength(0);
    const [item] = (await find('SELEB9702010', '&market=NO')).items;
    expect(item).toMatchObject({ is_playable: true, album: { is_playable: true } });
    const [restricted] = (await find('SELEB9702010', '&market=ES')).items;
    expect(restricted).toMatchObject({ is_playable: false, restrictions: { reason: 'market' } });
  });

  it('calls a set of markets small up to a bound', async () => {
    const few = ALL_MARKETS.slice(0, SMALL_MARKET_SET);
    const more = ALL_MARKETS.slice(0, SMALL_MARKET_SET + 1);
    await start({}, { isrc: ISRC, markets: few }, { isrc: 'USUM71900764', markets: more });
    expect([(await find(ISRC)).total, (await find('USUM71900764')).total]).toEqual([0, 1]);
  });

  it('puts the sibling in place of a track that the market lacks', async () => {
    const north = { isrc: ISRC, album: 'North', markets: ['NO'] };
    const south = { isrc: ISRC, album: 'South', markets: ['ES'] };
    await start({ mode: 'extended' }, north, south);
    const ids = [fakeTrack(north).id, fakeTrack(south).id];
    const found = await find(ISRC, '&market=ES');
    expect(found.items.map(({ id }) => id)).toEqual([ids[1]]);
    expect(found.items[0]).toMatchObject({ is_playable: true, linked_from: { id: ids[0], type: 'track' } });
    expect((await ask(`/tracks/${ids[0] ?? ''}?market=ES`)).json).toMatchObject({
      id: ids[1],
      linked_from: { id: ids[0] },
    });
    fake.setMode('dev');
    const { json } = await ask(`/tracks/${ids[0] ?? ''}?market=ES`);
    expect(json).toMatchObject({ id: ids[1] });
    expect(json).not.toHaveProperty('linked_from');
  });

  it('takes no market from a token without a user', async () => {
    await start({}, { isrc: ISRC });
    const { status, json } = await ask(`/search?q=isrc:${ISRC}&type=track&market=from_token`);
    expect([status, json]).toEqual([403, { error: { status: 403, message: 'Insufficient client scope' } }]);
  });
});

describe('what cannot be relied on', () => {
  it('flaps, and never finds what is not indexed', async () => {
    await start({}, { isrc: ISRC }, { isrc: 'USUM71900764' }, { isrc: 'USUM71900765', indexed: false });
    fake.flap(ISRC, 2);
    const totals = [await find(ISRC), await find(ISRC), await find(ISRC)].map(({ total }) => total);
    expect(totals).toEqual([0, 0, 1]);
    fake.neverIndex('USUM71900764');
    expect((await find('USUM71900764')).total + (await find('USUM71900765')).total).toBe(0);
    expect((await ask(`/tracks/${fakeTrack({ isrc: 'USUM71900764' }).id}`)).status).toBe(200);
  });

  it('blanks, withdraws, changes and removes at run time', async () => {
    await start({}, { isrc: ISRC, title: 'Before' });
    fake.addTracks(fakeTrack({ isrc: ISRC, title: 'After' }));
    expect((await find(ISRC)).items).toMatchObject([{ name: 'After' }]);
    fake.tombstone(ISRC);
    const [blank] = (await find(ISRC)).items;
    expect(blank).toMatchObject({ name: '', duration_ms: 0, external_ids: {} });
    expect(blank?.album).toMatchObject({
      name: '',
      images: [],
      release_date: '0000',
      release_date_precision: 'year',
    });
    fake.addTracks(fakeTrack({ isrc: ISRC, markets: [] }));
    expect((await find(ISRC)).total).toBe(0);
    fake.removeIsrc(ISRC);
    expect((await ask(`/tracks/${fakeTrack({ isrc: ISRC }).id}`)).status).toBe(404);
  });

  it('has the arranged oddities in the sample catalogue', async () => {
    await start({ mode: 'extended', catalogue: sampleCatalogue() });
    const totals: Record<string, number> = {};
    for (const [name, isrc] of Object.entries(SAMPLE_ISRCS)) totals[name] = (await find(isrc)).total;
    const ones = {
      noImages: 1,
      yearOnly: 1,
      monthOnly: 1,
      manyArtists: 1,
      nonLatin: 1,
      hyphenated: 1,
      lowerCase: 1,
    };
    const none = { none: 0, withdrawn: 0, smallMarketSet: 0, notIndexed: 0 };
    const many = { two: 2, eleven: 11, sixty: 60, compilationFirst: 3, duplicateAlbum: 2, tombstone: 1 };
    expect(totals).toEqual({ ...ones, ...none, ...many });
    const [first] = (await find(SAMPLE_ISRCS.compilationFirst)).items;
    expect(first?.album['album_type']).toBe('compilation');
    expect(sampleCatalogue().find(({ isrc }) => isrc === 'GBBBA0742400')?.title).toContain(
      '"Che gelida manina"',
    );
  });
});
