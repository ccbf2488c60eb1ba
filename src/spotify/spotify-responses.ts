import { z } from 'zod';
import type { Isrc } from '../recording/isrc';
import { parseIsrc } from '../recording/isrc';
import {
  ALBUM_TYPES,
  type AlbumType,
  type RecordingAlbum,
  type RecordingArtist,
  type RecordingImage,
  type SourceTrack,
} from '../recording/recording';
import { SourceError } from '../recording/recording-source';
import { parseReleaseDate } from './release-date';

/*
 * What Spotify sends, narrowed to what is used, in both quota modes. Of a track, only what makes it a track (ids, names,
 * artists, album, ISRC, duration) is demanded; anything else falls back when it is missing or nonsense, because Spotify
 * has removed fields overnight (February 2026). Names: spotify-api.md 2.3.
 */

/** Longer is no name of anything, and would not fit where names are kept. */
const MAX_NAME_LENGTH = 1000;
const MAX_URL_LENGTH = 2048;
const MAX_INT = 2_147_483_647;

/** Without control characters and halves of surrogate pairs, which no database keeps; may turn out empty. */
const name = z
  .string()
  .transform((text) =>
    text
      .replaceAll(/\p{Cs}/gu, '\ufffd')
      .replaceAll(/\p{Cc}+/gu, ' ')
      .trim(),
  )
  .refine((text) => text.length <= MAX_NAME_LENGTH, `longer than ${MAX_NAME_LENGTH} characters`);

/** Spotify's are 22 base-62 characters; the length is left open. */
const id = z.string().regex(/^[A-Za-z0-9]{1,64}$/, 'not an id');

const webUrl = z.string().max(MAX_URL_LENGTH).refine(isWebUrl).nullable().catch(null);
const externalUrls = z.object({ spotify: webUrl }).catch({ spotify: null });
const count = (least: number) => z.int().min(least).max(MAX_INT);

const artistSchema = z.object({ id, name, external_urls: externalUrls });

const imageSchema = z.object({
  url: z.string().max(MAX_URL_LENGTH).refine(isWebUrl),
  width: count(1).nullable().catch(null),
  height: count(1).nullable().catch(null),
});

const albumSchema = z.object({
  id,
  name,
  album_type: z.string().catch(''),
  total_tracks: count(1).catch(1),
  release_date: z.string().catch(''),
  release_date_precision: z.string().catch(''),
  images: z.array(z.unknown()).catch([]),
  external_urls: externalUrls,
});

const trackSchema = z.object({
  id,
  name,
  artists: z.array(artistSchema),
  album: albumSchema,
  external_ids: z.object({ isrc: z.string().catch('') }).catch({ isrc: '' }),
  external_urls: externalUrls,
  duration_ms: count(0),
  explicit: z.boolean().catch(false),
  popularity: z.int().min(0).max(100).nullable().catch(null),
  disc_number: count(1).catch(1),
  track_number: count(1).catch(1),
  preview_url: webUrl,
  available_markets: z.array(z.unknown()).nullable().catch(null),
});

const searchSchema = z.object({ tracks: z.object({ items: z.array(z.unknown()) }) });

const batchSchema = z.object({ tracks: z.array(z.unknown()) });

const tokenSchema = z.object({
  // Goes into a header: nothing but visible ASCII may.
  access_token: z.string().regex(/^[\x21-\x7e]{1,4096}$/),
  token_type: z.string().regex(/^bearer$/i),
  expires_in: z.number().positive().max(MAX_INT),
});

/** One item of a search: the track, or why it is none that could be chosen. */
export type SearchHit =
  | { readonly id: string; readonly track: SourceTrack }
  | { readonly id: string | null; readonly fault: string };

/**
 * The items of a search answer, each read on its own. `total` and `next` are not looked at: Spotify answers with
 * `total` 0 and `next` null beside ten items.
 * @throws SourceError where the body holds no list of tracks
 */
export function readSearch(body: unknown): SearchHit[] {
  const parsed = searchSchema.safeParse(body);
  if (!parsed.success)
    throw new SourceError('Spotify sent a search answer without a list of tracks.', shapeFault(parsed.error));
  return parsed.data.tracks.items.map(readTrack);
}

/**
 * The tracks of a batch, each read on its own; of ids that are unknown there is nothing.
 * @throws SourceError where the body holds no list of tracks
 */
export function readBatch(body: unknown): SearchHit[] {
  const parsed = batchSchema.safeParse(body);
  if (!parsed.success)
    throw new SourceError('Spotify sent a batch without a list of tracks.', shapeFault(parsed.error));
  return parsed.data.tracks.filter((item) => item !== null).map(readTrack);
}

/** Reads the answer of the token endpoint. @throws SourceError where it holds no usable bearer token */
export function readToken(body: unknown): { readonly text: string; readonly expiresInSeconds: number } {
  const parsed = tokenSchema.safeParse(body);
  if (!parsed.success) {
    throw new SourceError("Spotify's accounts service sent no usable token.", shapeFault(parsed.error));
  }
  return { text: parsed.data.access_token, expiresInSeconds: parsed.data.expires_in };
}

/** Reads a full track object. A tombstone (names blanked by Spotify) and a track without an ISRC are no candidates. */
export function readTrack(item: unknown): SearchHit {
  const parsed = trackSchema.safeParse(item);
  if (!parsed.success) return { id: readId(item), fault: shapeFault(parsed.error).message };

  const track = parsed.data;
  const fault = (text: string): SearchHit => ({ id: track.id, fault: text });
  if (track.name === '' || track.album.name === '') return fault('a tombstone: no title');
  const artists = artistsOf(track.artists);
  if (artists.length === 0)
    return fault(track.artists.length === 0 ? 'no artists' : 'a tombstone: no artist names');
  const isrc = isrcOf(track.external_ids.isrc);
  if (isrc === null) return fault('no valid ISRC');

  return {
    id: track.id,
    track: {
      id: track.id,
      isrc,
      title: track.name,
      url: track.external_urls.spotify ?? openUrl('track', track.id),
      artists,
      album: albumOf(track.album),
      durationMs: track.duration_ms,
      explicit: track.explicit,
      popularity: track.popularity,
      discNumber: track.disc_number,
      trackNumber: track.track_number,
      previewUrl: track.preview_url,
      availableMarkets: track.available_markets && marketsOf(track.available_markets),
    },
  };
}

/** Each artist once, at its first place; artists whose name was blanked are left out. */
function artistsOf(artists: readonly z.output<typeof artistSchema>[]): RecordingArtist[] {
  const byId = new Map<string, RecordingArtist>();
  for (const artist of artists) {
    if (artist.name === '' || byId.has(artist.id)) continue;
    byId.set(artist.id, {
      id: artist.id,
      name: artist.name,
      url: artist.external_urls.spotify ?? openUrl('artist', artist.id),
    });
  }
  return [...byId.values()];
}

function albumOf(album: z.output<typeof albumSchema>): RecordingAlbum {
  return {
    id: album.id,
    title: album.name,
    type: albumTypeOf(album.album_type),
    ...parseReleaseDate(album.release_date, album.release_date_precision),
    totalTracks: album.total_tracks,
    // Told by the album's own endpoint alone, which would cost a second call.
    upc: null,
    label: null,
    url: album.external_urls.spotify ?? openUrl('album', album.id),
    images: imagesOf(album.images),
  };
}

/** Old answers have capitals or nothing; an EP counts as a single at Spotify. */
function albumTypeOf(text: string): AlbumType {
  return ALBUM_TYPES.find((type) => type === text.toLowerCase()) ?? 'album';
}

function imagesOf(items: readonly unknown[]): RecordingImage[] {
  const images = items.flatMap((item) => imageSchema.safeParse(item).data ?? []);
  // Stable: images of unknown width keep Spotify's order, which is widest first already.
  return images.sort((a, b) => (b.width ?? 0) - (a.width ?? 0));
}

function marketsOf(items: readonly unknown[]): string[] {
  const codes = items.filter((item): item is string => typeof item === 'string' && /^[A-Z]{2}$/.test(item));
  return [...new Set(codes)].sort();
}

function isrcOf(text: string): Isrc | null {
  const parsed = parseIsrc(text);
  return 'isrc' in parsed ? parsed.isrc : null;
}

function readId(item: unknown): string | null {
  return z.object({ id }).safeParse(item).data?.id ?? null;
}

function isWebUrl(text: string): boolean {
  return /^https?:\/\/[^\s\p{Cc}\p{Cs}]+$/iu.test(text) && URL.canParse(text);
}

/** The page of an object at Spotify, for the rare answer that does not tell it. */
function openUrl(kind: 'track' | 'album' | 'artist', objectId: string): string {
  return `https://open.spotify.com/${kind}/${objectId}`;
}

/** Which fields broke which rule; never a value. */
function shapeFault(error: z.ZodError): Error {
  const faults = error.issues
    .slice(0, 3)
    .map(({ path, message }) => `${path.map(String).join('.') || 'all of it'}: ${message}`);
  return new Error(faults.join('; '));
}
