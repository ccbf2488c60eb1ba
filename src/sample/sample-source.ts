import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { z } from 'zod';
import { chooseTrack } from '../recording/choose-track';
import { isIsrc, type Isrc } from '../recording/isrc';
import {
  ALBUM_TYPES,
  type Recording,
  type RecordingAlbum,
  type RecordingArtist,
  type ReleaseDatePrecision,
  type SourceTrack,
} from '../recording/recording';
import {
  type KnownRecording,
  RecordingSource,
  type Refetched,
  type SourceReport,
} from '../recording/recording-source';

/** `.example` is reserved (RFC 2606): nobody is called when somebody follows a sample's link. */
const SITE = 'https://sample.deadwax.example';
const COVER_WIDTHS = [640, 300, 64];

const sampleId = z.string().regex(/^sample[0-9A-Za-z]{16}$/);
const count = z.int().min(1);

const catalogueSchema = z.strictObject({
  about: z.array(z.string()),
  marketSets: z.record(z.string(), z.array(z.string().regex(/^[A-Z]{2}$/))),
  artists: z.record(sampleId, z.string().min(1)),
  albums: z.record(
    sampleId,
    z.strictObject({
      title: z.string().min(1),
      type: z.enum(ALBUM_TYPES),
      releaseDate: z
        .string()
        .regex(/^\d{4}(-\d{2}(-\d{2})?)?$/)
        .nullable(),
      totalTracks: count,
      upc: z.string().regex(/^\d+$/).nullable(),
      label: z.string().min(1).nullable(),
      hasCover: z.boolean(),
    }),
  ),
  tracks: z.array(
    z.strictObject({
      id: sampleId,
      isrc: z.custom<Isrc>(isIsrc, 'not an ISRC in canonical form'),
      title: z.string().min(1),
      artists: z.array(sampleId).min(1),
      album: sampleId,
      durationMs: count,
      explicit: z.boolean(),
      popularity: z.int().min(0).max(100).nullable(),
      discNumber: count,
      trackNumber: count,
      markets: z.string().nullable(),
    }),
  ),
});

type Catalogue = z.infer<typeof catalogueSchema>;

/**
 * The bundled catalogue as a source: serves while no Spotify credentials are set. Its codes, titles and artists are
 * real, all else is made up (`scripts/make-sample-catalogue.mjs`). What it answers with is frozen.
 */
@Injectable()
export class SampleSource extends RecordingSource {
  override readonly name = 'sample';
  private tracksByIsrc: ReadonlyMap<Isrc, readonly SourceTrack[]> | undefined;

  override findByIsrc(isrc: Isrc): Promise<Recording | null> {
    return Promise.resolve(this.choose(isrc, this.tracksOf(isrc), null));
  }

  override refetch(known: readonly KnownRecording[]): Promise<ReadonlyMap<Isrc, Refetched>> {
    const found = known.flatMap(({ isrc, candidateIds, market }) => {
      const tracks = this.tracksOf(isrc).filter(({ id }) => candidateIds.includes(id));
      const recording = this.choose(isrc, tracks, market);
      return recording === null ? [] : [[isrc, recording] as const];
    });
    return Promise.resolve(new Map(found));
  }

  override report(): Promise<SourceReport> {
    return Promise.resolve({ state: 'ok' });
  }

  private tracksOf(isrc: Isrc): readonly SourceTrack[] {
    // Read at the first call: whoever runs on Spotify never pays for it.
    this.tracksByIsrc ??= indexByIsrc(readCatalogue());
    return this.tracksByIsrc.get(isrc) ?? [];
  }

  private choose(isrc: Isrc, tracks: readonly SourceTrack[], market: string | null): Recording | null {
    return chooseTrack(isrc, tracks, { source: this.name, fetchedAt: new Date(), market });
  }
}

/** @throws Error where the bundled file is broken: a fault of the build, not of the source */
function readCatalogue(): Catalogue {
  return catalogueSchema.parse(JSON.parse(readFileSync(join(__dirname, 'catalogue.json'), 'utf8')));
}

function indexByIsrc(catalogue: Catalogue): ReadonlyMap<Isrc, readonly SourceTrack[]> {
  const artists = mapValues(catalogue.artists, (name, id): RecordingArtist => ({
    id,
    name,
    url: urlOf('artist', id),
  }));
  const albums = mapValues(catalogue.albums, toAlbum);
  const index = new Map<Isrc, SourceTrack[]>();
  for (const { markets, ...track } of catalogue.tracks) {
    const found: SourceTrack = {
      ...track,
      url: urlOf('track', track.id),
      artists: track.artists.map((id) => entryOf(artists, id)),
      album: entryOf(albums, track.album),
      previewUrl: null,
      availableMarkets: markets === null ? null : entryOf(catalogue.marketSets, markets),
    };
    index.set(found.isrc, [...(index.get(found.isrc) ?? []), deepFreeze(found)]);
  }
  return index;
}

function toAlbum({ hasCover, ...album }: Catalogue['albums'][string], id: string): RecordingAlbum {
  return {
    id,
    ...album,
    releaseDatePrecision: precisionOf(album.releaseDate),
    url: urlOf('album', id),
    images: hasCover
      ? COVER_WIDTHS.map((width) => ({ url: `${SITE}/cover/${id}/${width}.jpg`, width, height: width }))
      : [],
  };
}

function precisionOf(date: string | null): ReleaseDatePrecision | null {
  if (date === null) return null;
  if (date.length === '2003'.length) return 'year';
  return date.length === '2003-04'.length ? 'month' : 'day';
}

function urlOf(kind: 'track' | 'album' | 'artist', id: string): string {
  return `${SITE}/${kind}/${id}`;
}

function mapValues<T, U>(
  values: Readonly<Record<string, T>>,
  change: (value: T, key: string) => U,
): Record<string, U> {
  return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, change(value, key)]));
}

function entryOf<T>(entries: Readonly<Record<string, T>>, key: string): T {
  const entry = entries[key];
  if (entry === undefined) throw new Error(`The sample catalogue refers to ${key}, but does not hold it`);
  return entry;
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.values(value).forEach(deepFreeze);
  return Object.freeze(value);
}
