import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fakeTrack } from '../../test/fakes/spotify/fake-track';
import { trackJson } from '../../test/fakes/spotify/track-json';
import type { SourceTrack } from '../recording/recording';
import { SourceError } from '../recording/recording-source';
import { readSearch, readToken, readTrack } from './spotify-responses';

const FIXTURES = join(__dirname, '../../test/fakes/spotify/fixtures');

/** Made of the track's id where the answer tells no address that can be used. */
const OPEN_URL = expect.stringMatching(/^https:\/\/open\.spotify\.com\/track\/\w{22}$/) as unknown;

type Json = Record<string, unknown>;

/** A recorded body; some files hold the whole exchange around it. */
function recorded(name: string): Json {
  const file = JSON.parse(readFileSync(join(FIXTURES, `${name}.json`), 'utf8')) as Json;
  return 'body' in file ? (file['body'] as Json) : file;
}

/** The track of an item that must be one. */
function trackOf(item: unknown): SourceTrack {
  const hit = readTrack(item);
  if ('fault' in hit) throw new Error(`not a candidate: ${hit.fault}`);
  return hit.track;
}

/** Why an item is no candidate. */
function faultOf(item: unknown): string {
  const hit = readTrack(item);
  return 'fault' in hit ? hit.fault : 'none';
}

/** A good item of either mode with some of its keys replaced; undefined takes a key away. */
function item(changes: Json = {}, mode: 'dev' | 'extended' = 'dev'): Json {
  const rendering = { mode, market: null, apiUrl: 'https://api.spotify.com/v1', locale: '*' };
  const whole = trackJson({ track: fakeTrack({ isrc: 'USVT10300001', popularity: 57 }) }, rendering);
  return JSON.parse(JSON.stringify({ ...whole, ...changes })) as Json;
}

function itemWithAlbum(changes: Json): Json {
  return item({ album: { ...(item()['album'] as Json), ...changes } });
}

describe('readSearch over recorded answers', () => {
  it.each([
    ['search-isrc-dev-0-results-derived', 0],
    ['search-isrc-dev-2-results', 2],
    ['search-isrc-dev-total-0-but-10-items', 10],
    ['search-isrc-dev-total-11-page1', 10],
    ['search-isrc-dev-total-60-page1', 10],
    ['search-isrc-extended-2-tracks-composed', 2],
    ['search-tracks-extended-20-items', 20],
  ])('%s: %p candidates, each complete', (name, count) => {
    const hits = readSearch(recorded(name));
    expect(hits.filter((hit) => 'fault' in hit)).toEqual([]);
    expect(hits).toHaveLength(count);
  });

  it('reads all that development mode tells', () => {
    const [hit] = readSearch(recorded('search-isrc-dev-2-results'));
    expect(hit).toEqual({
      id: '3AuzZHPlohKLpildLyORSM',
      track: {
        id: '3AuzZHPlohKLpildLyORSM',
        isrc: 'GBBKS1500214',
        title: 'Hello',
        url: 'https://open.spotify.com/track/3AuzZHPlohKLpildLyORSM',
        artists: [
          {
            id: '4dpARuHxo51G3z768sgnrY',
            name: 'Adele',
            url: 'https://open.spotify.com/artist/4dpARuHxo51G3z768sgnrY',
          },
        ],
        album: {
          id: '5givPbMFm0AMPUYWulmbzg',
          title: 'Hello',
          type: 'single',
          releaseDate: '2015-10-23',
          releaseDatePrecision: 'day',
          totalTracks: 1,
          upc: null,
          label: null,
          url: 'https://open.spotify.com/album/5givPbMFm0AMPUYWulmbzg',
          images: Array.from({ length: 3 }, () => ({
            url: 'https://example.com/image.jpg',
            width: null,
            height: null,
          })),
        },
        durationMs: 295_502,
        explicit: false,
        popularity: null,
        discNumber: 1,
        trackNumber: 1,
        previewUrl: null,
        availableMarkets: null,
      },
    });
  });

  it('reads popularity, markets and preview where extended mode tells them', () => {
    const [hit] = readSearch(recorded('search-isrc-extended-2-tracks-composed'));
    const track = (hit as { track: SourceTrack }).track;
    expect(track).toMatchObject({ popularity: 23, explicit: true });
    expect(track.previewUrl).toMatch(/^https:\/\/p\.scdn\.co\//);
    expect(track.availableMarkets).toEqual([...(track.availableMarkets ?? [])].sort());
    expect(track.availableMarkets?.length).toBeGreaterThan(100);
    expect(track.album.images.map(({ width }) => width)).toEqual([640, 300, 64]);
  });

  it('lets one bad item not spoil the others', () => {
    const items = [null, 7, 'x', [], {}, item(), { ...item(), id: 12 }];
    const hits = readSearch({ tracks: { items } });
    expect(hits.map((hit) => 'track' in hit)).toEqual([false, false, false, false, false, true, false]);
  });

  it.each([null, undefined, 7, 'text', [], {}, { tracks: null }, { tracks: {} }, { tracks: { items: {} } }])(
    'refuses %j, which has no list of tracks',
    (body) => {
      expect(() => readSearch(body)).toThrow(SourceError);
    },
  );

  it('refuses each recorded error body', () => {
    const errors = JSON.parse(readFileSync(join(FIXTURES, 'errors.json'), 'utf8')) as { body: unknown }[];
    expect(errors.length).toBeGreaterThan(20);
    for (const { body } of errors) expect(() => readSearch(body)).toThrow(SourceError);
  });
});

describe('readTrack over recorded tracks', () => {
  it.each(readdirSync(FIXTURES).filter((name) => name.startsWith('track-extended-')))(
    '%s is a candidate',
    (name) => {
      const track = trackOf(recorded(name.replace('.json', '')));
      expect(track.title).not.toBe('');
      expect(track.artists.length).toBeGreaterThan(0);
    },
  );

  it.each([
    ['track-extended-isrc-with-dashes', 'GBSMU2401851'],
    ['track-extended-isrc-lowercase', 'USHM91210870'],
  ])('%s: normalises the ISRC', (name, isrc) => {
    expect(trackOf(recorded(name)).isrc).toBe(isrc);
  });

  it('reads an album type in capitals and a relinked track', () => {
    const track = trackOf(recorded('track-extended-relinked-linked-from'));
    expect(['album', 'single', 'compilation']).toContain(track.album.type);
    expect(track.availableMarkets).toBeNull();
  });

  it('reads a year for a date, and none where there is none', () => {
    expect(trackOf(recorded('track-extended-release-date-year')).album.releaseDatePrecision).toBe('year');
    expect(trackOf(recorded('track-extended-8-artists')).album.releaseDate).toBeNull();
  });

  it('tells apart markets that are none from markets that are not told', () => {
    expect(trackOf(recorded('track-extended-no-market-popularity-1')).availableMarkets).toEqual([]);
    expect(trackOf(recorded('track-dev-derived')).availableMarkets).toBeNull();
  });

  it('takes neither a tombstone nor a local file for a candidate', () => {
    expect(faultOf(recorded('track-tombstone-empty-names-no-isrc'))).toBe('a tombstone: no title');
    expect(faultOf(recorded('track-local-file-null-id'))).toMatch(/^id: /);
  });
});

describe('readTrack over broken tracks', () => {
  const artist = { id: 'a1', name: 'First', external_urls: {} };

  it.each([
    ['a numeric id', item({ id: 12 })],
    ['a null id', item({ id: null })],
    ['an id that would break out of a link', item({ id: '../x' })],
    ['no name', item({ name: undefined })],
    ['a name of megabytes', item({ name: 'x'.repeat(2_000_000) })],
    ['a blank name', item({ name: ' \u0000 ' })],
    ['no artists', item({ artists: [] })],
    ['null artists', item({ artists: null })],
    ['an artist with a numeric id', item({ artists: [{ ...artist, id: 7 }] })],
    ['blanked artists only', item({ artists: [{ ...artist, name: '' }] })],
    ['a null album', item({ album: null })],
    ['an album without a title', itemWithAlbum({ name: '' })],
    ['no external ids', item({ external_ids: undefined })],
    ['empty external ids', item({ external_ids: {} })],
    ['null external ids', item({ external_ids: null })],
    ['a numeric ISRC', item({ external_ids: { isrc: 7 } })],
    ['an ISRC that is none', item({ external_ids: { isrc: 'USVT1030000' } })],
    ['a negative duration', item({ duration_ms: -1 })],
    ['a duration beyond all music', item({ duration_ms: 1e300 })],
  ])('%s is no candidate, with a reason that repeats no value', (_what, broken) => {
    const fault = faultOf(broken);
    expect(fault).not.toBe('none');
    expect(fault.length).toBeLessThan(300);
  });

  it.each([
    ['popularity', 101, { popularity: null }],
    ['popularity', -1, { popularity: null }],
    ['popularity', 1.5, { popularity: null }],
    ['popularity', '57', { popularity: null }],
    ['popularity', 0, { popularity: 0 }],
    ['disc_number', 0, { discNumber: 1 }],
    ['track_number', 'one', { trackNumber: 1 }],
    ['explicit', 'yes', { explicit: false }],
    ['preview_url', 'javascript:alert(1)', { previewUrl: null }],
    ['preview_url', 'https://p.scdn.co/x', { previewUrl: 'https://p.scdn.co/x' }],
    ['available_markets', ['US', 'SE', 'US', 7, 'xx', null], { availableMarkets: ['SE', 'US'] }],
    ['available_markets', 'SE', { availableMarkets: null }],
    ['external_urls', null, { url: OPEN_URL }],
    ['external_urls', { spotify: 'ftp://x/y' }, { url: OPEN_URL }],
    ['external_urls', { spotify: 'https://x/ y' }, { url: OPEN_URL }],
  ])('bears %s of %j', (key, value, expected) => {
    expect(trackOf(item({ [key]: value }, 'extended'))).toMatchObject(expected);
  });

  it.each([
    [{ album_type: 'COMPILATION' }, { type: 'compilation' }],
    [{ album_type: undefined }, { type: 'album' }],
    [{ album_type: 'mixtape' }, { type: 'album' }],
    [{ total_tracks: undefined }, { totalTracks: 1 }],
    [
      { release_date: '0000', release_date_precision: 'year' },
      { releaseDate: null, releaseDatePrecision: null },
    ],
    [{ release_date: null }, { releaseDate: null }],
    [{ images: [] }, { images: [] }],
    [{ images: null }, { images: [] }],
    [
      {
        images: [
          null,
          { url: 'data:x' },
          { url: 'https://i/64', width: 64, height: 'tall' },
          { url: 'https://i/640', width: 640, height: 640 },
        ],
      },
      {
        images: [
          { url: 'https://i/640', width: 640, height: 640 },
          { url: 'https://i/64', width: 64, height: null },
        ],
      },
    ],
  ])('bears an album with %j', (changes, expected) => {
    expect(trackOf(itemWithAlbum(changes)).album).toMatchObject(expected);
  });

  it('keeps an artist listed twice once, in the order told, and leaves blanked ones out', () => {
    const artists = [
      artist,
      { ...artist, id: 'a2', name: 'Second' },
      artist,
      { ...artist, id: 'a3', name: '' },
    ];
    expect(trackOf(item({ artists })).artists.map(({ id }) => id)).toEqual(['a1', 'a2']);
  });

  it('cleans names of what no database keeps, and of nothing else', () => {
    const name = '\u0000A\tB\ud800 \u{1f3b5} \u05e9\u05dc\u05d5\u05dd \u5b87\u591a\u7530 e\u0301\u200d\n';
    expect(trackOf(item({ name })).title).toBe(
      'A B\ufffd \u{1f3b5} \u05e9\u05dc\u05d5\u05dd \u5b87\u591a\u7530 e\u0301\u200d',
    );
  });

  it('does not look at fields it does not know', () => {
    expect(readTrack(item({ new_field: { deep: [1] } }))).toEqual(readTrack(item()));
  });
});

describe('readToken', () => {
  it('reads the documented answer', () => {
    expect(readToken(recorded('token-client-credentials'))).toMatchObject({ expiresInSeconds: 3600 });
  });
});
