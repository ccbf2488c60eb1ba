import { ApiCall, refuseMarket } from './api-call';
import { FakeAlbum, FakeTrack } from './fake-track';
import { jsonReply, Reply } from './http-reply';
import { pageJson, wholeNumber } from './paging';
import { parseQuery } from './search-query';
import { apiError } from './spotify-errors';
import { SEARCH_LIMITS } from './spotify-mode';
import {
  albumDetailJson,
  albumSummaryJson,
  artistJson,
  isAvailable,
  Json,
  marketFields,
  trackJson,
  trackSummaryJson,
} from './track-json';

const ID = /^[0-9A-Za-z]{22}$/;
const TRACKS_IN_ALBUM = 50;

/** Most ids per batch call (spotify-api.md 3). */
const BATCH_SIZES = { tracks: 50, albums: 20, artists: 50 } as const;

/** The kinds that have an endpoint for one and one for many. */
export type EntityKind = keyof typeof BATCH_SIZES;

/** `GET /v1/{tracks,albums,artists}/{id}`. */
export function oneEntity(call: ApiCall, kind: EntityKind, id: string): Reply {
  const refusal = refuseId(id) ?? refuseMarket(call.params);
  if (refusal !== null) return refusal;
  const found = render(call, kind, id, true);
  return found === null ? apiError(404, 'Resource not found') : jsonReply(found);
}

/** `GET /v1/{tracks,albums,artists}?ids=`: in the order asked for, null for unknown ids; extended mode only. */
export function manyEntities(call: ApiCall, kind: EntityKind): Reply {
  const ids = (call.params.get('ids') ?? '').split(',');
  if (ids.length > BATCH_SIZES[kind]) return apiError(400, 'Too many ids requested');
  // One bad id fails the whole call.
  const refusal = ids.map(refuseId).find((reply) => reply !== null) ?? refuseMarket(call.params);
  return refusal ?? jsonReply({ [kind]: ids.map((id) => render(call, kind, id, false)) });
}

/** `GET /v1/albums/{id}/tracks`: limit 1-50, default 20, in both modes (openapi.yaml). */
export function albumTracks(call: ApiCall, id: string): Reply {
  const refusal = refuseId(id) ?? refuseMarket(call.params);
  if (refusal !== null) return refusal;
  const tracks = call.catalogue.ofAlbum(id);
  if (tracks.length === 0) return apiError(404, 'Resource not found');
  const limit = wholeNumber(call.params.get('limit'), { least: 1, most: 50, preset: 20 });
  const offset = wholeNumber(call.params.get('offset'), { least: 0, most: 1_000_000, preset: 0 });
  if (limit === null) return apiError(400, 'Invalid limit');
  if (offset === null) return apiError(400, 'Invalid offset');
  return jsonReply(trackPage(call, id, tracks, limit, offset));
}

/** `GET /v1/artists/{id}/albums`: page sizes as in search (spotify-api.md 3). */
export function artistAlbums(call: ApiCall, id: string): Reply {
  const { mode, apiUrl, locale } = call.rendering;
  const refusal = refuseId(id) ?? refuseMarket(call.params);
  if (refusal !== null) return refusal;
  if (call.catalogue.artist(id) === undefined) return apiError(404, 'Resource not found');
  const limit = wholeNumber(call.params.get('limit'), { least: 1, ...SEARCH_LIMITS[mode] });
  const offset = wholeNumber(call.params.get('offset'), { least: 0, most: 1_000_000, preset: 0 });
  if (limit === null) return apiError(400, 'Invalid limit');
  if (offset === null) return apiError(400, 'Invalid offset');
  const groups = call.params.get('include_groups')?.split(',');
  const found = call.catalogue.albumsOf(id).filter(({ group }) => groups?.includes(group) ?? true);
  const items = found.slice(offset, offset + limit).map(({ album, group }) => ({
    ...albumJson(call, album),
    ...(mode === 'extended' ? { album_group: group } : {}),
  }));
  const link = (at: number): string =>
    `${apiUrl}/artists/${id}/albums?offset=${at}&limit=${limit}&locale=${locale}`;
  return jsonReply(pageJson({ items, total: found.length, limit, offset, link }));
}

/** `GET /v1/artists/{id}/top-tracks`, the ten most popular; extended mode only. */
export function topTracks(call: ApiCall, id: string): Reply {
  const refusal = refuseId(id) ?? refuseMarket(call.params);
  if (refusal !== null) return refusal;
  const tracks = call.catalogue.search(parseQuery(''), call.rendering.market);
  const own = tracks.filter(({ track }) => track.artists.some((artist) => artist.id === id));
  const top = own.sort((a, b) => b.track.popularity - a.track.popularity).slice(0, 10);
  return jsonReply({ tracks: top.map((shown) => trackJson(shown, call.rendering)) });
}

function refuseId(id: string): Reply | null {
  return ID.test(id) ? null : apiError(400, 'Invalid base62 id');
}

function render(call: ApiCall, kind: EntityKind, id: string, isAlone: boolean): Json | null {
  const { catalogue, rendering } = call;
  if (kind === 'artists') {
    const artist = catalogue.artist(id);
    return artist === undefined ? null : artistJson(artist, rendering);
  }
  if (kind === 'tracks') {
    const track = catalogue.track(id);
    return track === undefined ? null : trackJson(catalogue.inMarket(track, rendering.market), rendering);
  }
  const tracks = catalogue.ofAlbum(id);
  const album = tracks[0]?.album;
  if (album === undefined) return null;
  return {
    ...albumJson(call, album),
    // The link of an album that was asked for by itself carries the language [recorded].
    ...(isAlone ? { href: `${rendering.apiUrl}/albums/${id}?locale=${rendering.locale}` } : {}),
    ...albumDetailJson(album, rendering),
    tracks: trackPage(call, id, tracks, TRACKS_IN_ALBUM, 0),
  };
}

function trackPage(call: ApiCall, id: string, tracks: FakeTrack[], limit: number, offset: number): Json {
  const { rendering, catalogue } = call;
  const items = tracks
    .slice(offset, offset + limit)
    .map((track) => trackSummaryJson(catalogue.inMarket(track, rendering.market), rendering));
  const link = (at: number): string =>
    `${rendering.apiUrl}/albums/${id}/tracks?offset=${at}&limit=${limit}&locale=${rendering.locale}`;
  return pageJson({ items, total: tracks.length, limit, offset, link });
}

/** A release is available where at least one of its tracks is (openapi.yaml, `available_markets`). */
function albumJson(call: ApiCall, album: FakeAlbum): Json {
  const { market } = call.rendering;
  const tracks = call.catalogue.ofAlbum(album.id);
  const spokesman = tracks.find((track) => market !== null && isAvailable(track, market)) ?? tracks[0];
  return {
    ...albumSummaryJson(album, call.rendering),
    ...(spokesman === undefined ? {} : marketFields(spokesman, call.rendering)),
  };
}
