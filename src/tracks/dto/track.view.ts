import { z } from 'zod';
import {
  ALBUM_TYPES,
  RELEASE_DATE_PRECISIONS,
  type RecordingAlbum,
  type RecordingArtist,
} from '../../recording/recording';
import type { Track } from '../entities/track.entity';
import { SAMPLE_TRACK } from './track.example';

const image = z
  .object({ url: z.string(), width: z.number().int().nullable(), height: z.number().int().nullable() })
  .meta({
    id: 'Image',
    description: 'A cover. Width and height are pixels, null where the source does not tell.',
  });

const creditedArtist = z.object({ id: z.string(), name: z.string(), url: z.string() }).meta({
  id: 'CreditedArtist',
  description: "An artist as credited on a track. Identity is the source's id, never the name.",
});

export const albumView = z
  .object({
    id: z.string(),
    title: z.string(),
    type: z.enum(ALBUM_TYPES),
    releaseDate: z
      .string()
      .nullable()
      .describe('As precise as releaseDatePrecision: 2003, 2003-04 or 2003-04-15.'),
    releaseDatePrecision: z.enum(RELEASE_DATE_PRECISIONS).nullable(),
    totalTracks: z.number().int(),
    upc: z.string().nullable(),
    label: z.string().nullable(),
    url: z.string(),
  })
  .meta({ id: 'Album', description: 'The release that a track stands on.' });

export const trackView = z
  .object({
    isrc: z.string().describe('In canonical form.'),
    title: z.string(),
    artists: z.array(creditedArtist).describe("In the source's order."),
    album: albumView,
    coverImage: image.nullable().describe('The widest of images; null where there is none.'),
    images: z.array(image),
    durationMs: z.number().int(),
    explicit: z.boolean(),
    popularity: z.number().int().nullable().describe('0-100; null where the source does not tell.'),
    discNumber: z.number().int(),
    trackNumber: z.number().int(),
    previewUrl: z.string().nullable(),
    availableMarkets: z
      .array(z.string())
      .nullable()
      .describe('ISO 3166-1 alpha-2; null where the source does not tell.'),
    source: z.object({
      name: z.enum(['spotify', 'sample']),
      id: z.string(),
      url: z.string(),
      fetchedAt: z.iso.datetime({ precision: 3 }),
    }),
    match: z.object({
      rule: z
        .enum(['only-match', 'most-popular', 'tie-break'])
        .describe('Which rule chose among the candidates.'),
      candidates: z.number().int().describe('How many stood to choose.'),
      market: z
        .string()
        .nullable()
        .describe('The market it was found in, where a search without one found nothing.'),
    }),
    createdAt: z.iso.datetime({ precision: 3 }),
    updatedAt: z.iso.datetime({ precision: 3 }),
  })
  .meta({ id: 'Track', description: 'What stands behind an ISRC.', examples: [SAMPLE_TRACK] });

export type TrackView = z.infer<typeof trackView>;

/** A track with what it is shown with: as stored, or as about to be. */
export type ShownTrack = Omit<Track, 'document' | 'documentTag'> & {
  readonly album: RecordingAlbum;
  /** In the source's order. */
  readonly credits: readonly { readonly artist: RecordingArtist }[];
};

/** The view of a track. */
export function toTrackView(track: ShownTrack): TrackView {
  const { album } = track;
  const images = album.images.map(({ url, width, height }) => ({ url, width, height }));
  return {
    isrc: track.isrc,
    title: track.title,
    artists: track.credits.map(({ artist: { id, name, url } }) => ({ id, name, url })),
    album: toAlbumView(album),
    coverImage: coverOf(images),
    images,
    durationMs: track.durationMs,
    explicit: track.explicit,
    popularity: track.popularity,
    discNumber: track.discNumber,
    trackNumber: track.trackNumber,
    previewUrl: track.previewUrl,
    availableMarkets: track.availableMarkets,
    source: {
      name: track.sourceName,
      id: track.sourceId,
      url: track.sourceUrl,
      fetchedAt: track.fetchedAt.toISOString(),
    },
    match: { rule: track.matchRule, candidates: track.matchCandidates, market: track.matchMarket },
    createdAt: track.createdAt.toISOString(),
    updatedAt: track.updatedAt.toISOString(),
  };
}

/** The view of an album: without its images, which stand beside it. */
export function toAlbumView(album: Omit<RecordingAlbum, 'images'>): z.infer<typeof albumView> {
  const { id, title, type, releaseDate, releaseDatePrecision, totalTracks, upc, label, url } = album;
  return { id, title, type, releaseDate, releaseDatePrecision, totalTracks, upc, label, url };
}

function coverOf(images: TrackView['images']): TrackView['images'][number] | null {
  return images.reduce<TrackView['images'][number] | null>(
    (best, next) => (best !== null && (best.width ?? 0) >= (next.width ?? 0) ? best : next),
    null,
  );
}
