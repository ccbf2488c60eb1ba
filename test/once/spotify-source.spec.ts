import type { Isrc } from '../../src/recording/isrc';
import type { SpotifySettings } from '../../src/spotify/spotify-settings';
import type { SpotifySource } from '../../src/spotify/spotify-source';
import { fakeTrack } from '../fakes/spotify/fake-track';
import { type SpotifyFake, startSpotifyFake } from '../fakes/spotify/spotify-fake';
import { INTERACTIVE, type SourceWorld, sourceWorld } from '../support/spotify-source';

/* Real: the module, HTTP, and the stand-in for both hosts of Spotify. Not real: the clock. */

const ISRC = 'USVT10300001' as Isrc;

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

/** The queries of the searches that arrived, in order. */
function searches(): Record<string, string>[] {
  return spotify.stats.requests.filter(({ path }) => path === '/v1/search').map(({ query }) => query);
}

beforeEach(async () => {
  world = await sourceWorld();
  spotify = await startSpotifyFake({ now: () => world.clock.ms });
});

afterEach(async () => {
  await world.end();
  await spotify.stop();
});

describe('what is found', () => {
  it.each([
    ['dev', null, null],
    ['extended', 57, ['NO', 'SE']],
  ] as const)('one track in %s mode', async (mode, popularity, availableMarkets) => {
    spotify.setMode(mode);
    const markets = ['SE', 'NO', 'DK', 'FI', 'IS', 'DE'];
    spotify.addTracks(fakeTrack({ isrc: ISRC, title: 'A Song', popularity: 57, markets }));
    const recording = await (await sourceWith()).findByIsrc(ISRC, INTERACTIVE);
    expect(recording).toMatchObject({
      isrc: ISRC,
      source: 'spotify',
      fetchedAt: new Date(world.clock.ms),
      chosen: { title: 'A Song', popularity, album: { upc: null, label: null } },
      match: { rule: 'only-match', market: null },
    });
    expect(recording?.candidates).toHaveLength(1);
    expect(recording?.chosen.availableMarkets).toEqual(availableMarkets && [...markets].sort());
  });

  it('nothing: null after one call', async () => {
    await expect((await sourceWith()).findByIsrc(ISRC, INTERACTIVE)).resolves.toBeNull();
    expect(spotify.stats.calls.search).toBe(1);
  });

  it.each(['US-VT1-03-00001', 'usvt10300001', 'us-vt1-03-00001'])('a record spelled %s', async (spelling) => {
    spotify.addTracks(fakeTrack({ isrc: spelling }));
    await expect((await sourceWith()).findByIsrc(ISRC, INTERACTIVE)).resolves.toMatchObject({
      chosen: { isrc: ISRC },
    });
  });

  it('no tombstone, and no good track the less for one', async () => {
    spotify.addTracks(fakeTrack({ isrc: ISRC, album: 'Blanked', tombstone: true }));
    const source = await sourceWith();
    await expect(source.findByIsrc(ISRC, INTERACTIVE)).resolves.toBeNull();
    spotify.addTracks(fakeTrack({ isrc: ISRC, album: 'Good' }));
    const recording = await source.findByIsrc(ISRC, INTERACTIVE);
    expect(recording?.candidates.map(({ album }) => album.title)).toEqual(['Good']);
  });

  it('no track of another code', async () => {
    spotify.serveRecorded(ISRC, 'search-isrc-dev-2-results');
    await expect((await sourceWith()).findByIsrc(ISRC, INTERACTIVE)).resolves.toBeNull();
  });

  it.each([
    ['GBBKS1500214', 'search-isrc-dev-2-results', 2],
    ['USUM71900764', 'search-isrc-dev-total-0-but-10-items', 10],
    ['GBWUL2498591', 'search-isrc-extended-2-tracks-composed', 2],
  ])('%s as Spotify answered it (%s)', async (isrc, fixture, candidates) => {
    spotify.serveRecorded(isrc, fixture);
    const recording = await (await sourceWith()).findByIsrc(isrc as Isrc, INTERACTIVE);
    expect(recording?.candidates).toHaveLength(candidates);
  });

  it('the most popular of all pages where popularity is told', async () => {
    spotify.setMode('extended');
    spotify.addTracks(...releases(24), fakeTrack({ isrc: ISRC, album: 'The Hit', popularity: 90 }));
    await expect((await sourceWith()).findByIsrc(ISRC, INTERACTIVE)).resolves.toMatchObject({
      chosen: { album: { title: 'The Hit' } },
      match: { rule: 'most-popular' },
    });
  });
});

describe('paging', () => {
  it.each([
    [9, 1],
    [10, 2],
    [11, 2],
    [60, 7],
  ])('%p results take %p calls, whether or not Spotify tells the total', async (count, calls) => {
    spotify.addTracks(...releases(count));
    for (const probability of [0, 1]) {
      spotify.setTotalBugProbability(probability);
      spotify.resetStats();
      const recording = await (await sourceWith()).findByIsrc(ISRC, INTERACTIVE);
      expect(recording?.candidates).toHaveLength(count);
      expect(searches().map(({ offset }) => Number(offset))).toEqual(
        Array.from({ length: calls }, (_unused, page) => page * 10),
      );
    }
  });

  it('never asks for more than development mode allows', async () => {
    spotify.addTracks(...releases(31));
    await (await sourceWith({ markets: ['SE'] })).findByIsrc(ISRC, INTERACTIVE);
    for (const query of searches()) {
      expect(query).toMatchObject({ q: `isrc:${ISRC}`, type: 'track', limit: '10' });
    }
  });

  it('ends at the configured number of pages', async () => {
    spotify.addTracks(...releases(60));
    const recording = await (await sourceWith({ maxPages: 3 })).findByIsrc(ISRC, INTERACTIVE);
    expect(recording?.candidates).toHaveLength(30);
    expect(spotify.stats.calls.search).toBe(3);
  });

  it('ends where Spotify refuses to go on', async () => {
    spotify.addTracks(...releases(1010));
    const recording = await (await sourceWith({ maxPages: 1000 })).findByIsrc(ISRC, INTERACTIVE);
    expect(recording?.candidates).toHaveLength(1000);
    expect(searches().at(-1)).toMatchObject({ offset: '990' });
  }, 30_000);
});

describe('markets', () => {
  it('finds what is sold in one country only', async () => {
    spotify.addTracks(fakeTrack({ isrc: ISRC, markets: ['NO'] }));
    await expect((await sourceWith()).findByIsrc(ISRC, INTERACTIVE)).resolves.toBeNull();
    const source = await sourceWith({ markets: ['NO'] });
    await expect(source.findByIsrc(ISRC, INTERACTIVE)).resolves.toMatchObject({ match: { market: 'NO' } });
  });

  it('asks in each, in order, until something is found', async () => {
    spotify.addTracks(fakeTrack({ isrc: ISRC }));
    spotify.flap(ISRC, 2);
    const source = await sourceWith({ markets: ['SE', 'NO', 'DK'] });
    await expect(source.findByIsrc(ISRC, INTERACTIVE)).resolves.toMatchObject({ match: { market: 'NO' } });
    expect(searches().map(({ market }) => market)).toEqual([undefined, 'SE', 'NO']);
  });

  it('misses after the last', async () => {
    const source = await sourceWith({ markets: ['SE', 'NO'] });
    await expect(source.findByIsrc(ISRC, INTERACTIVE)).resolves.toBeNull();
    expect(searches().map(({ market }) => market)).toEqual([undefined, 'SE', 'NO']);
  });

  it('asks in none when it was found without one', async () => {
    spotify.addTracks(fakeTrack({ isrc: ISRC }));
    await (await sourceWith({ markets: ['SE'] })).findByIsrc(ISRC, INTERACTIVE);
    expect(spotify.stats.calls.search).toBe(1);
  });

  it('finds in a market when all hits without one were tombstones', async () => {
    spotify.setMode('extended');
    spotify.addTracks(
      fakeTrack({ isrc: ISRC, album: 'Blanked', tombstone: true }),
      fakeTrack({ isrc: ISRC, album: 'Good', markets: ['SE'] }),
    );
    const source = await sourceWith({ markets: ['SE'] });
    await expect(source.findByIsrc(ISRC, INTERACTIVE)).resolves.toMatchObject({
      chosen: { album: { title: 'Good' } },
      match: { market: 'SE' },
    });
  });
});
