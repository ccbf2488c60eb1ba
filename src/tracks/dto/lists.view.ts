import { z } from 'zod';
import type { Page } from '../../common/page';
import type { StoredArtist } from '../catalogue-search.repository';
import type { Candidate } from '../entities/candidate.entity';
import type { TrackDocument } from '../track-document';
import type { LookupResult } from '../tracks.service';
import { albumView, toAlbumView, trackView } from './track.view';

const nextCursor = z.string().nullable().describe('Where the next page begins; null at the end.');

export const trackPageView = z.object({ items: z.array(trackView), nextCursor }).meta({ id: 'TrackPage' });

/** A page of documents as JSON: what is kept ready is put together, not read again. */
export function toTrackPageJson({ items, nextCursor }: Page<TrackDocument>): string {
  return `{"items":[${items.map(({ body }) => body).join(',')}],"nextCursor":${JSON.stringify(nextCursor)}}`;
}

export const artistView = z
  .object({
    id: z.string(),
    name: z.string(),
    url: z.string(),
    trackCount: z.number().int().describe('How many stored tracks name the artist.'),
  })
  .meta({ id: 'Artist', description: 'An artist of stored tracks.' });
type ArtistView = z.infer<typeof artistView>;

export function toArtistView({ id, name, url, trackCount }: StoredArtist): ArtistView {
  return { id, name, url, trackCount };
}

export const artistPageView = z.object({ items: z.array(artistView), nextCursor }).meta({ id: 'ArtistPage' });

export function toArtistPageView({ items, nextCursor }: Page<StoredArtist>): {
  items: ArtistView[];
  nextCursor: string | null;
} {
  return { items: items.map(toArtistView), nextCursor };
}

const candidateView = z
  .object({
    id: z.string(),
    url: z.string(),
    title: z.string(),
    album: albumView,
    popularity: z.number().int().nullable(),
    discNumber: z.number().int(),
    trackNumber: z.number().int(),
    durationMs: z.number().int(),
    explicit: z.boolean(),
    availableMarkets: z.array(z.string()).nullable(),
    chosen: z.boolean().describe('Whether it is the one that the track shows.'),
  })
  .meta({ id: 'Candidate', description: "One of the source's tracks under the ISRC." });

export const candidateListView = z
  .object({ items: z.array(candidateView).describe('Best first.') })
  .meta({ id: 'CandidateList' });

export function toCandidateListView(candidates: readonly Candidate[]): z.infer<typeof candidateListView> {
  return {
    items: candidates.map(({ details, isChosen }) => ({
      id: details.id,
      url: details.url,
      title: details.title,
      album: toAlbumView(details.album),
      popularity: details.popularity,
      discNumber: details.discNumber,
      trackNumber: details.trackNumber,
      durationMs: details.durationMs,
      explicit: details.explicit,
      availableMarkets: details.availableMarkets === null ? null : [...details.availableMarkets],
      chosen: isChosen,
    })),
  };
}

export const lookupView = z
  .object({
    results: z
      .array(
        z.object({
          input: z.string().describe('As sent.'),
          isrc: z.string().nullable().describe('In canonical form; null where the input is no ISRC.'),
          status: z.enum(['found', 'missing', 'invalid']),
          track: trackView.nullable(),
        }),
      )
      .describe('One entry for each input, in the order asked.'),
  })
  .meta({ id: 'LookupResult' });

/** The results of a lookup as JSON, put together from documents. */
export function toLookupJson(results: readonly LookupResult[]): string {
  const entries = results.map(
    ({ input, isrc, status, track }) =>
      `{"input":${JSON.stringify(input)},"isrc":${JSON.stringify(isrc)},"status":"${status}","track":${track?.body ?? 'null'}}`,
  );
  return `{"results":[${entries.join(',')}]}`;
}
