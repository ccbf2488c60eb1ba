import { isIsrc, type Isrc } from '../../src/recording/isrc';
import type { Recording, RecordingAlbum, RecordingArtist, SourceTrack } from '../../src/recording/recording';
import { albumTitle, artistName, trackTitle } from './names';
import { hash } from './random';

/**
 * A made-up catalogue, the same on every machine: each track, album and artist is a function of its number, so that any
 * part of it can be made anywhere without the rest. Bodies come out at about 1.3 kB.
 *
 * Tracks come in blocks of a hundred, made by twenty artists: one with 36 tracks, two with 14, and so on down to
 * thirteen with one. A million tracks have 200,000 artists, five million have a million.
 */

const TRACKS_A_BLOCK = 100;
const TRACKS_OF_ARTIST = [36, 14, 14, 6, 6, 6, 5, ...Array.from({ length: 13 }, () => 1)];
const ARTISTS_A_BLOCK = TRACKS_OF_ARTIST.length;
const TRACKS_AN_ALBUM = 12;
/** Albums of one artist at most; leaves room in the numbering. */
const ALBUMS_OF_ARTIST = 3;

/** For each track of a block: which of the block's artists, and the how many-th of the artist's. */
const PLACES = TRACKS_OF_ARTIST.flatMap((count, artist) =>
  Array.from({ length: count }, (_, nth) => ({ artist, nth, of: count })),
);

const COUNTRIES = ['QZ', 'US', 'GB', 'SE', 'DE', 'FR', 'JP'];
const REGISTRANTS = 2_000;
const YEARS = 27;
const BASE_62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const MARKETS = (
  'AD AE AG AL AM AO AR AT AU AZ BA BB BD BE BF BG BH BI BJ BN BO BR BS BT BW BZ CA CD CG CH CI CL CM CO CR CV CW CY ' +
  'CZ DE DJ DK DM DO DZ EC EE EG ES ET FI FJ FM FR GA GB GD GE GH GM GN GQ GR GT GW GY HK HN HR HT HU ID IE IL IN IQ ' +
  'IS IT JM JO JP KE KG KH KI KM KN KR KW KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MG MH MK ML MN MO MR MT MU ' +
  'MV MW MX MY MZ NA NE NG NI NL NO NP NR NZ OM PA PE PG PH PK PL PS PT PW PY QA RO RS RW SA SB SC SE SG SI SK SL SM ' +
  'SN SR ST SV SZ TD TG TH TJ TL TN TO TR TT TV TW TZ UA UG US UY UZ VC VE VN VU WS XK ZA ZM ZW'
).split(' ');
/** Every track was fetched within the thirty days before this moment. */
const FETCHED_UNTIL_MS = Date.UTC(2026, 10, 1);

/** The n-th track's code, another one for each n below 10^11. */
export function isrcAt(n: number): Isrc {
  let rest = n;
  const take = (radix: number) => {
    const digit = rest % radix;
    rest = (rest - digit) / radix;
    return digit;
  };
  const country = COUNTRIES[take(COUNTRIES.length)] ?? '';
  const registrant = (take(REGISTRANTS) + 36 ** 2).toString(36).toUpperCase().padStart(3, '0');
  const year = String(take(YEARS)).padStart(2, '0');
  // 7,919 and 100,000 have no common divisor: every number comes up once.
  const text = `${country}${registrant}${year}${String((rest * 7_919) % 100_000).padStart(5, '0')}`;
  if (!isIsrc(text)) throw new Error(`no ISRC has the number ${n}`);
  return text;
}

/** An id as Spotify makes them: 22 characters of base 62. */
function idOf(kind: number, n: number): string {
  let id = '';
  for (let part = 0; id.length < 22; part += 1) {
    let rest = hash(kind, n, part);
    for (let digit = 0; digit < 5; digit += 1, rest = Math.floor(rest / 62)) id += BASE_62.charAt(rest % 62);
  }
  return id.slice(0, 22);
}

export function artistAt(n: number): RecordingArtist {
  const id = idOf(1, n);
  return { id, name: artistName(n), url: `https://open.spotify.com/artist/${id}` };
}

function albumAt(n: number, totalTracks: number): RecordingAlbum {
  const id = idOf(2, n);
  const dice = hash(2, n);
  const cover = idOf(3, n).toLowerCase().replace(/[^a-f0-9]/g, 'a').padEnd(40, '0'); // prettier-ignore
  const day = new Date(Date.UTC(1960 + (dice % 66), (dice >>> 8) % 12, 1 + ((dice >>> 12) % 28)));
  return {
    id,
    title: albumTitle(n),
    type: totalTracks === 1 ? 'single' : dice % 20 === 0 ? 'compilation' : 'album',
    releaseDate: day.toISOString().slice(0, 10),
    releaseDatePrecision: 'day',
    totalTracks,
    upc: String(10 ** 11 + dice * 7 + (n % 7)).padStart(13, '0'),
    label: dice % 4 === 0 ? null : `${albumTitle(dice % 5_000)} Records`,
    url: `https://open.spotify.com/album/${id}`,
    images: [640, 300, 64].map((side) => ({
      url: `https://i.scdn.co/image/ab67616d0000${side.toString(16).padStart(4, '0')}${cover.slice(0, 24)}`,
      width: side,
      height: side,
    })),
  };
}

/** Which artists and album, by their numbers, the n-th track has. */
export function artistPlacesOf(n: number): {
  /** The main artist, then a guest if there is one. */
  artistNumbers: number[];
  albumNumber: number;
  totalTracks: number;
  trackNumber: number;
  /** Whether no earlier track has this main artist, or this album. */
  isFirstOfArtist: boolean;
  isFirstOfAlbum: boolean;
} {
  const { artist, nth, of } = PLACES[n % TRACKS_A_BLOCK] ?? { artist: 0, nth: 0, of: 1 };
  const mainArtist = Math.floor(n / TRACKS_A_BLOCK) * ARTISTS_A_BLOCK + artist;
  const album = Math.floor(nth / TRACKS_AN_ALBUM);
  // A guest on every sixth track, from among the artists a little before: guests are seldom strangers.
  const dice = hash(8, n);
  const guest = mainArtist - 1 - ((dice >>> 4) % 30);
  return {
    artistNumbers: dice % 6 === 0 && guest >= 0 ? [mainArtist, guest] : [mainArtist],
    albumNumber: mainArtist * ALBUMS_OF_ARTIST + album,
    totalTracks: Math.min(TRACKS_AN_ALBUM, of - album * TRACKS_AN_ALBUM),
    trackNumber: (nth % TRACKS_AN_ALBUM) + 1,
    isFirstOfArtist: nth === 0,
    isFirstOfAlbum: nth % TRACKS_AN_ALBUM === 0,
  };
}

/** The n-th track, with its album and artists, as Spotify tells it. */
function trackAt(n: number): SourceTrack {
  const { artistNumbers, albumNumber, totalTracks, trackNumber } = artistPlacesOf(n);
  const dice = hash(4, n);
  const id = idOf(4, n);
  return {
    id,
    isrc: isrcAt(n),
    title: trackTitle(n),
    url: `https://open.spotify.com/track/${id}`,
    artists: artistNumbers.map(artistAt),
    album: albumAt(albumNumber, totalTracks),
    durationMs: 90_000 + (dice % 300_000),
    explicit: dice % 9 === 0,
    // Few are popular, most are not: the square of an even draw.
    popularity: Math.floor(100 * (hash(5, n) / 2 ** 32) ** 2),
    discNumber: 1,
    trackNumber,
    previewUrl: null,
    availableMarkets: marketsOf(hash(6, n)),
  };
}

/** A run of the alphabet of markets: about 10 codes, of one in twenty nearly all. */
function marketsOf(dice: number): string[] {
  if (dice % 20 === 0) return MARKETS.slice(dice % 7);
  const from = (dice >>> 8) % 140;
  return MARKETS.slice(from, from + 3 + ((dice >>> 16) % 16));
}

/** The n-th recording, chosen because it is alone under its code. */
export function recordingAt(n: number): Recording {
  const chosen = trackAt(n);
  return {
    isrc: chosen.isrc,
    source: 'spotify',
    fetchedAt: new Date(FETCHED_UNTIL_MS - (hash(7, n) % (30 * 86_400)) * 1000),
    chosen,
    match: { rule: 'only-match', market: null },
    candidates: [chosen],
  };
}
