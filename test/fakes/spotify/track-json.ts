import { FakeAlbum, FakeArtist, FakeTrack } from './fake-track';
import { ALL_MARKETS } from './markets';
import { SpotifyMode } from './spotify-mode';

/** How to show a thing: mode and market decide which fields there are (spotify-api.md 2.3, 2.4, 3). */
export interface Rendering {
  mode: SpotifyMode;
  market: string | null;
  /** Where `href` points, `…/v1` without a slash at the end. */
  apiUrl: string;
  /** The echo of Accept-Language that ends many links. */
  locale: string;
}

/** A JSON object on its way out. */
export type Json = Record<string, unknown>;

/** A track about to be shown, perhaps in place of the one that was asked for. */
export interface ShownTrack {
  track: FakeTrack;
  linkedFrom?: FakeTrack;
}

/** Whether a track may be played in a market. */
export function isAvailable(track: FakeTrack, market: string): boolean {
  return track.markets?.includes(market) ?? true;
}

/** The full track object of search and of the track endpoints (spotify-api.md 2.3). */
export function trackJson(shown: ShownTrack, rendering: Rendering): Json {
  const track = asShown(shown.track);
  return {
    album: { ...albumSummaryJson(track.album, rendering), ...marketFields(track, rendering) },
    ...trackSummaryJson(shown, rendering),
    external_ids: track.isrc === null ? {} : { isrc: track.isrc },
    ...(rendering.mode === 'extended' ? { popularity: track.popularity } : {}),
  };
}

/** The track object inside an album: no album, no popularity, no `external_ids` (spotify-api.md 3, recorded). */
export function trackSummaryJson(shown: ShownTrack, rendering: Rendering): Json {
  const track = asShown(shown.track);
  const requested = rendering.mode === 'extended' ? shown.linkedFrom : undefined;
  return {
    artists: track.artists.map((artist) => artistSummaryJson(artist, rendering)),
    disc_number: track.discNumber,
    duration_ms: track.durationMs,
    explicit: track.explicit,
    ...identity('track', track.id, rendering),
    is_local: false,
    ...marketFields(track, rendering),
    ...(requested === undefined ? {} : { linked_from: identity('track', requested.id, rendering) }),
    name: track.title,
    // Null for each app that is newer than 27 November 2024; in dev mode even the key is gone.
    ...(rendering.mode === 'extended' ? { preview_url: track.previewUrl } : {}),
    track_number: track.trackNumber,
  };
}

/** The album object inside a track, a search or a list, without the fields that depend on a market. */
export function albumSummaryJson(album: FakeAlbum, rendering: Rendering): Json {
  return {
    album_type: album.albumType,
    artists: album.artists.map((artist) => artistSummaryJson(artist, rendering)),
    ...identity('album', album.id, rendering),
    images: album.images,
    name: album.name,
    release_date: album.releaseDate,
    release_date_precision: album.releaseDatePrecision,
    total_tracks: album.totalTracks,
  };
}

/** What only the album endpoint adds, its page of tracks apart; label and popularity are gone in dev mode. */
export function albumDetailJson(album: FakeAlbum, rendering: Rendering): Json {
  return {
    copyrights: album.copyrights,
    external_ids: album.upc === null ? {} : { upc: album.upc },
    genres: [],
    ...(rendering.mode === 'extended' ? { label: album.label, popularity: album.popularity } : {}),
  };
}

/** The artist object inside tracks and albums. */
function artistSummaryJson(artist: FakeArtist, rendering: Rendering): Json {
  return { ...identity('artist', artist.id, rendering), name: artist.name };
}

/** The artist endpoint's object; followers and popularity are gone in dev mode (spotify-api.md 3). */
export function artistJson(artist: FakeArtist, rendering: Rendering): Json {
  return {
    ...artistSummaryJson(artist, rendering),
    genres: artist.genres,
    images: artist.images,
    ...(rendering.mode === 'extended'
      ? { followers: { href: null, total: artist.followers }, popularity: artist.popularity }
      : {}),
  };
}

/** Markets of a track or album: the list without a market, the verdict with one (spotify-api.md 2.3, 2.4). */
export function marketFields(track: FakeTrack, rendering: Rendering): Json {
  const { market, mode } = rendering;
  if (market === null) {
    if (mode === 'dev') return {};
    return { available_markets: track.tombstone ? [] : (track.markets ?? ALL_MARKETS) };
  }
  if (!track.tombstone && isAvailable(track, market)) return { is_playable: true };
  return { is_playable: false, restrictions: { reason: 'market' } };
}

/** The blanked form of a removed track (fixtures/track-tombstone-empty-names-no-isrc.json). */
function asShown(track: FakeTrack): FakeTrack {
  if (!track.tombstone) return track;
  return {
    ...track,
    isrc: null,
    title: '',
    durationMs: 0,
    popularity: 0,
    artists: track.artists.map((artist) => ({ ...artist, name: '' })),
    album: { ...track.album, name: '', images: [], releaseDate: '0000', releaseDatePrecision: 'year' },
  };
}

function identity(type: 'track' | 'album' | 'artist', id: string, rendering: Rendering): Json {
  return {
    external_urls: { spotify: `https://open.spotify.com/${type}/${id}` },
    href: `${rendering.apiUrl}/${type}s/${id}`,
    id,
    type,
    uri: `spotify:${type}:${id}`,
  };
}
