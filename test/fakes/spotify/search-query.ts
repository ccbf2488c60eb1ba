import { FakeTrack } from './fake-track';

/** A search text taken apart: field filters and plain words, all of which must match. */
export interface SearchQuery {
  isrc: string[];
  upc: string[];
  track: string[];
  artist: string[];
  album: string[];
  year: string[];
  /** Filters that the stand-in has no data for; they find nothing. */
  unsupported: string[];
  words: string[];
}

const TERM = /(?:(\w+):)?(?:"([^"]*)"|(\S+))/g;
const FIELDS = ['isrc', 'upc', 'track', 'artist', 'album', 'year'] as const;
const UNSUPPORTED = ['genre', 'tag'];

/**
 * Reads `q` (spotify-api.md 2.1). `OR` has no meaning here and is a word like any other, so `isrc:A OR isrc:B` asks for
 * a track with two ISRCs and finds nothing, as in 2.5.
 */
export function parseQuery(q: string): SearchQuery {
  const query: SearchQuery = {
    isrc: [],
    upc: [],
    track: [],
    artist: [],
    album: [],
    year: [],
    unsupported: [],
    words: [],
  };
  for (const [whole, field, quoted, bare] of q.matchAll(TERM)) {
    const value = (quoted ?? bare ?? '').toLowerCase();
    const known = FIELDS.find((name) => name === field?.toLowerCase());
    if (known === 'isrc') query.isrc.push(quoted ?? bare ?? '');
    else if (known !== undefined) query[known].push(value);
    else if (UNSUPPORTED.includes(field?.toLowerCase() ?? '')) query.unsupported.push(value);
    else query.words.push(...whole.replaceAll('"', '').toLowerCase().split(/\s+/));
  }
  return query;
}

/** All of the query but its ISRC against one track. */
export function matchesTrack(track: FakeTrack, query: SearchQuery): boolean {
  const title = track.title.toLowerCase();
  const album = track.album.name.toLowerCase();
  const artists = [...track.artists, ...track.album.artists].map(({ name }) => name.toLowerCase()).join('\n');
  return (
    query.unsupported.length === 0 &&
    query.track.every((text) => title.includes(text)) &&
    query.album.every((text) => album.includes(text)) &&
    query.artist.every((text) => artists.includes(text)) &&
    // A UPC is compared as text: leading zeros count (spotify-api.md 3, recorded).
    query.upc.every((upc) => track.album.upc === upc) &&
    query.year.every((range) => isInYears(track.album.releaseDate, range)) &&
    query.words.every((word) => `${title}\n${album}\n${artists}`.includes(word))
  );
}

function isInYears(releaseDate: string, range: string): boolean {
  const [from = '', to = from] = range.split('-');
  const year = Number(releaseDate.slice(0, 4));
  return year >= Number(from) && year <= Number(to);
}
