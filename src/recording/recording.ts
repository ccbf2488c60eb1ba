import type { Isrc } from './isrc';

/** Name under which a source is told to clients (`source.name`). */
export type SourceName = 'spotify' | 'sample';

export const ALBUM_TYPES = ['album', 'single', 'compilation'] as const;
export type AlbumType = (typeof ALBUM_TYPES)[number];

export const RELEASE_DATE_PRECISIONS = ['year', 'month', 'day'] as const;
export type ReleaseDatePrecision = (typeof RELEASE_DATE_PRECISIONS)[number];

/** An artist as credited on a track. Identity is the source's id, never the name. */
export interface RecordingArtist {
  readonly id: string;
  readonly name: string;
  readonly url: string;
}

export interface RecordingImage {
  readonly url: string;
  /** Pixels; null where the source does not tell. */
  readonly width: number | null;
  readonly height: number | null;
}

/** The release that a track stands on. */
export interface RecordingAlbum {
  readonly id: string;
  readonly title: string;
  readonly type: AlbumType;
  /** `2003`, `2003-04` or `2003-04-15`, as precise as `releaseDatePrecision`; both null where unknown. */
  readonly releaseDate: string | null;
  readonly releaseDatePrecision: ReleaseDatePrecision | null;
  readonly totalTracks: number;
  readonly upc: string | null;
  readonly label: string | null;
  readonly url: string;
  /** In the source's order, widest first; empty where there is no cover. */
  readonly images: readonly RecordingImage[];
}

/** One track of the source's catalogue. Several can carry the same ISRC. */
export interface SourceTrack {
  readonly id: string;
  readonly isrc: Isrc;
  readonly title: string;
  readonly url: string;
  /** In the source's order, each artist once, at least one. */
  readonly artists: readonly RecordingArtist[];
  readonly album: RecordingAlbum;
  readonly durationMs: number;
  readonly explicit: boolean;
  /** 0-100; null where the source does not tell. */
  readonly popularity: number | null;
  readonly discNumber: number;
  readonly trackNumber: number;
  readonly previewUrl: string | null;
  /** ISO 3166-1 alpha-2 codes, sorted; null where the source does not tell. */
  readonly availableMarkets: readonly string[] | null;
}

/** Which rule decided between the candidates: see `choose-track.ts`. */
export type MatchRule = 'only-match' | 'most-popular' | 'tie-break';

/** What stands behind an ISRC: every track that the source has under it, and the one chosen. */
export interface Recording {
  readonly isrc: Isrc;
  readonly source: SourceName;
  readonly fetchedAt: Date;
  readonly chosen: SourceTrack;
  readonly match: {
    readonly rule: MatchRule;
    /** The market in which it was found, where a search without one found nothing; else null. */
    readonly market: string | null;
  };
  /** All tracks found, the chosen one included, best first. */
  readonly candidates: readonly SourceTrack[];
}
