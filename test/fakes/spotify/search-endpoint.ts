import { ApiCall, refuseMarket } from './api-call';
import { FakeAlbum, FakeArtist } from './fake-track';
import { jsonReply, Reply } from './http-reply';
import { pageJson, wholeNumber } from './paging';
import { parseQuery, SearchQuery } from './search-query';
import { apiError } from './spotify-errors';
import { SEARCH_LIMITS } from './spotify-mode';
import { albumSummaryJson, artistJson, Json, marketFields, ShownTrack, trackJson } from './track-json';

const TYPES = ['album', 'artist', 'playlist', 'track', 'show', 'episode', 'audiobook'];
const MOST_QUERY_CHARACTERS = 250;
const WINDOW = 1000;

/** `GET /v1/search` (spotify-api.md 2). */
export function search(call: ApiCall): Reply {
  const { params } = call;
  const q = params.get('q') ?? '';
  const types = (params.get('type') ?? '').split(',').filter((type) => type !== '');
  const { most, preset } = SEARCH_LIMITS[call.rendering.mode];
  const limit = wholeNumber(params.get('limit'), { least: 1, most, preset });
  const offset = wholeNumber(params.get('offset'), { least: 0, most: WINDOW, preset: 0 });

  const wrongType = types.find((type) => !TYPES.includes(type));
  if (q.trim() === '') return apiError(400, 'No search query');
  if (q.length > MOST_QUERY_CHARACTERS) {
    return apiError(400, `Query exceeds maximum length of ${MOST_QUERY_CHARACTERS} characters`);
  }
  if (types.length === 0) return apiError(400, 'Missing parameter type');
  if (wrongType !== undefined) return apiError(400, `Bad search type field ${wrongType}`);
  if (limit === null) return apiError(400, 'Invalid limit');
  if (offset === null) return apiError(400, 'Invalid offset');
  if (limit + offset > WINDOW) return apiError(400, `Limit + Offset exceeds maximum of ${WINDOW}`);
  const refusal = refuseMarket(params);
  if (refusal !== null) return refusal;

  const found = call.catalogue.search(parseQuery(q), call.rendering.market);
  const pages = types.map((type) => [
    `${type}s`,
    page(call, { q, type, limit, offset }, itemsOf(type, found, parseQuery(q), call)),
  ]);
  return jsonReply(Object.fromEntries(pages));
}

interface Asked {
  q: string;
  type: string;
  limit: number;
  offset: number;
}

function page(call: ApiCall, asked: Asked, all: Json[]): Json {
  const items = all.slice(asked.offset, asked.offset + asked.limit);
  const { apiUrl, locale } = call.rendering;
  const market = call.params.get('market');
  const link = (offset: number): string => {
    const head = `offset=${offset}&limit=${asked.limit}&query=${encodeURIComponent(asked.q)}`;
    const type = encodeURIComponent(call.params.get('type') ?? '');
    return `${apiUrl}/search?${head}&type=${type}${market === null ? '' : `&market=${market}`}&locale=${locale}`;
  };
  // Deep pages cannot be asked for, so the last page that can has no next (spotify-api.md 2.1).
  const reachable = Math.min(all.length, WINDOW);
  const whole = pageJson({ items, total: reachable, limit: asked.limit, offset: asked.offset, link });
  return call.hasTotalBug(asked.q) ? { ...whole, total: 0, next: null } : { ...whole, total: all.length };
}

function itemsOf(type: string, found: ShownTrack[], query: SearchQuery, call: ApiCall): Json[] {
  if (type === 'track') {
    // `upc:` is a filter for albums only; the description says so, and no recording contradicts it.
    return query.upc.length > 0 ? [] : found.map((shown) => trackJson(shown, call.rendering));
  }
  // `isrc:` works with type=track only (openapi.yaml, parameter q).
  if (query.isrc.length > 0) return [];
  if (type === 'album') {
    const albums = new Map<string, [FakeAlbum, ShownTrack]>();
    for (const shown of found) albums.set(shown.track.album.id, [shown.track.album, shown]);
    return [...albums.values()].map(([album, { track }]) => ({
      ...albumSummaryJson(album, call.rendering),
      ...marketFields(track, call.rendering),
    }));
  }
  if (type === 'artist') {
    const artists = new Map<string, FakeArtist>();
    for (const { track } of found) {
      for (const artist of track.artists) {
        if (isNamed(artist, query)) artists.set(artist.id, artist);
      }
    }
    return [...artists.values()].map((artist) => artistJson(artist, call.rendering));
  }
  // Playlists, shows, episodes and audiobooks are not in the catalogue.
  return [];
}

function isNamed({ name }: FakeArtist, query: SearchQuery): boolean {
  return [...query.artist, ...query.words].every((text) => name.toLowerCase().includes(text));
}
