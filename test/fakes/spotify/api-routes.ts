import { ApiCall } from './api-call';
import {
  albumTracks,
  artistAlbums,
  EntityKind,
  manyEntities,
  oneEntity,
  topTracks,
} from './entity-endpoints';
import { jsonReply, Reply } from './http-reply';
import { ALL_MARKETS } from './markets';
import { pageJson } from './paging';
import { search } from './search-endpoint';
import { apiError } from './spotify-errors';
import { EndpointName } from './stats';

const ONE = { tracks: 'track', albums: 'album', artists: 'artist' } as const satisfies Record<
  EntityKind,
  EndpointName
>;

// Gone for new and for dev apps since 27 November 2024 (spotify-api.md 3); no mode here is older.
const GONE = ['audio-features', 'audio-analysis', 'recommendations'];

/** Under which name a path is counted. */
export function endpointOf(path: readonly string[]): EndpointName {
  const [kind, , ...rest] = path;
  if (kind === 'search' && path.length === 1) return 'search';
  if (!isEntity(kind) || rest.length > 0) return 'other';
  return path.length === 1 ? kind : ONE[kind];
}

/** Answers a GET below `/v1` (spotify-api.md 2, 3). */
export function route(call: ApiCall): Reply {
  const [kind = '', id = '', part] = call.path;
  if (GONE.includes(kind) || part === 'related-artists') return apiError(403, 'Forbidden');
  const size = call.path.length;
  if (kind === 'search' && size === 1) return search(call);
  if (isEntity(kind) && size === 2) return oneEntity(call, kind, id);
  if (kind === 'albums' && part === 'tracks' && size === 3) return albumTracks(call, id);
  if (kind === 'artists' && part === 'albums' && size === 3) return artistAlbums(call, id);
  return removedInDev(call, kind, id, part) ?? apiError(404, 'Service not found');
}

/** The calls that development mode lost in February 2026 (spotify-api.md 3). */
function removedInDev(call: ApiCall, kind: string, id: string, part: string | undefined): Reply | null {
  const answer = extendedOnly(call, kind, id, part);
  if (answer === null) return null;
  return call.rendering.mode === 'dev' ? apiError(403, 'Forbidden') : answer();
}

function extendedOnly(
  call: ApiCall,
  kind: string,
  id: string,
  part: string | undefined,
): (() => Reply) | null {
  if (isEntity(kind) && call.path.length === 1) return () => manyEntities(call, kind);
  if (kind === 'markets' && call.path.length === 1) return () => jsonReply({ markets: ALL_MARKETS });
  if (kind === 'artists' && part === 'top-tracks') return () => topTracks(call, id);
  if (kind !== 'browse') return null;
  if (id === 'new-releases') return () => jsonReply({ albums: emptyPage(call) });
  return id === 'categories' ? () => jsonReply({ categories: emptyPage(call) }) : null;
}

function emptyPage(call: ApiCall): object {
  const link = (): string => `${call.rendering.apiUrl}/${call.path.join('/')}`;
  return pageJson({ items: [], total: 0, limit: 20, offset: 0, link });
}

function isEntity(kind: string | undefined): kind is EntityKind {
  return kind !== undefined && Object.hasOwn(ONE, kind);
}
