import { createHash } from 'node:crypto';

/** A cover or portrait; width and height may be null, as Spotify's description allows. */
export interface FakeImage {
  url: string;
  width: number | null;
  height: number | null;
}

/** An artist with all that the artist endpoint shows in either mode. */
export interface FakeArtist {
  id: string;
  name: string;
  genres: string[];
  images: FakeImage[];
  followers: number;
  popularity: number;
}

/** A release with all that the album endpoint shows in either mode. */
export interface FakeAlbum {
  id: string;
  name: string;
  /** Free text: old bodies carry capitals (spotify-api.md 2.3). */
  albumType: string;
  totalTracks: number;
  releaseDate: string;
  releaseDatePrecision: 'year' | 'month' | 'day';
  images: FakeImage[];
  artists: FakeArtist[];
  label: string;
  upc: string | null;
  copyrights: { text: string; type: 'C' | 'P' }[];
  popularity: number;
}

/** One track of the stand-in's catalogue. */
export interface FakeTrack {
  id: string;
  /** Shown in `external_ids` exactly as written here, hyphens and lower case included; null shows `{}`. */
  isrc: string | null;
  title: string;
  artists: FakeArtist[];
  album: FakeAlbum;
  durationMs: number;
  explicit: boolean;
  discNumber: number;
  trackNumber: number;
  popularity: number;
  previewUrl: string | null;
  /** Countries where it may be played; null is everywhere, `[]` is withdrawn and so never found by search. */
  markets: string[] | null;
  /** Tracks of one group stand in for each other when a market is given; null groups by ISRC. */
  relinkGroup: string | null;
  /** False: reachable by id, never found by search (spotify-api.md 2.6). */
  indexed: boolean;
  /** True: shown blanked, as in fixtures/track-tombstone-empty-names-no-isrc.json, still found by its ISRC. */
  tombstone: boolean;
}

/** An artist for `fakeTrack`; a plain text is the name. */
export type FakeArtistInput = string | (Partial<FakeArtist> & { name: string });

/** A release for `fakeTrack`; a plain text is the name. */
export type FakeAlbumInput = string | (Omit<Partial<FakeAlbum>, 'artists'> & { artists?: FakeArtistInput[] });

/** What `fakeTrack` takes. */
export interface FakeTrackInput extends Partial<Omit<FakeTrack, 'artists' | 'album'>> {
  isrc: string | null;
  artists?: FakeArtistInput[];
  album?: FakeAlbumInput;
}

/** Spotify's own id of "Various Artists" [recorded]. */
export const VARIOUS_ARTISTS: FakeArtistInput = { id: '0LyfQWJT6nXafLPZqxe9Of', name: 'Various Artists' };

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** A 22-character base-62 id that depends on its parts alone. */
export function fakeId(...parts: (string | number)[]): string {
  const digest = createHash('sha256').update(parts.join('\u0000')).digest();
  return Array.from(digest.subarray(0, 22), (byte) => BASE62.charAt(byte % 62)).join('');
}

/** Three pictures as Spotify's image server names them: `https://i.scdn.co/image/<40 hex>`. */
function fakeImages(of: string, sizes: readonly number[] = [640, 300, 64]): FakeImage[] {
  return sizes.map((size) => ({
    url: `https://i.scdn.co/image/${createHash('sha1').update(`${of} ${size}`).digest('hex')}`,
    width: size,
    height: size,
  }));
}

/** An artist; the id follows from the name, so equal names are one artist. */
function fakeArtist(input: FakeArtistInput): FakeArtist {
  const given = typeof input === 'string' ? { name: input } : input;
  const id = given.id ?? fakeId('artist', given.name);
  return {
    id,
    genres: [],
    images: fakeImages(id, [640, 320, 160]),
    followers: 1000,
    popularity: 50,
    ...given,
  };
}

/** A release; the id follows from name, type and artists unless given, so equal input is one release. */
function fakeAlbum(input: FakeAlbumInput, fallback: { artists: FakeArtist[]; key?: string }): FakeAlbum {
  const given = typeof input === 'string' ? { name: input } : input;
  const { artists: givenArtists, ...rest } = given;
  const artists = givenArtists?.map(fakeArtist) ?? fallback.artists;
  const name = given.name ?? 'An Album';
  const albumType = given.albumType ?? 'album';
  const id =
    given.id ?? fakeId('album', fallback.key ?? name, albumType, artists.map((artist) => artist.id).join());
  return {
    id,
    name,
    albumType,
    totalTracks: albumType.toLowerCase() === 'single' ? 1 : 12,
    releaseDate: '2015-11-20',
    releaseDatePrecision: 'day',
    images: fakeImages(id),
    artists,
    label: 'A Label',
    upc: String(parseInt(createHash('sha1').update(id).digest('hex').slice(0, 10), 16)).padStart(14, '0'),
    copyrights: [
      { text: '© 2015 A Label', type: 'C' },
      { text: '℗ 2015 A Label', type: 'P' },
    ],
    popularity: 50,
    ...rest,
  };
}

/**
 * A track with good defaults. Its id follows from the ISRC and the release (not from title or artists), so a second
 * `addTracks` with a new title replaces the first, and another release of one ISRC is another track.
 */
export function fakeTrack(input: FakeTrackInput): FakeTrack {
  const { artists: givenArtists, album: givenAlbum, ...rest } = input;
  const artists = (givenArtists ?? ['An Artist']).map(fakeArtist);
  const isrc = input.isrc ?? 'none';
  const title = input.title ?? `Song ${isrc}`;
  // Without a named release the id must not move when a test renames the song or its artists.
  const album =
    givenAlbum === undefined
      ? fakeAlbum({ id: fakeId('album of', isrc), name: title, albumType: 'album' }, { artists })
      : fakeAlbum(givenAlbum, { artists, ...(hasName(givenAlbum) ? {} : { key: `of ${isrc}` }) });
  return {
    id: fakeId('track', isrc, album.id, input.discNumber ?? 1, input.trackNumber ?? 1),
    title,
    artists,
    album,
    durationMs: 215_000,
    explicit: false,
    discNumber: 1,
    trackNumber: 1,
    popularity: 50,
    previewUrl: null,
    markets: null,
    relinkGroup: null,
    indexed: true,
    tombstone: false,
    ...rest,
  };
}

function hasName(album: FakeAlbumInput): boolean {
  return typeof album === 'string' || album.name !== undefined;
}
