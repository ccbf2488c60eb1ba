import { Field, ID, InputType, Int, ObjectType, registerEnumType } from '@nestjs/graphql';
import type { AlbumType, ReleaseDatePrecision } from '../../recording/recording';
import { connectionOf } from '../../graphql/connection';
import { DateTime } from '../../graphql/date-time.scalar';
import type { StoredArtist } from '../catalogue-search.repository';
import type { TrackDocument } from '../track-document';
import { toArtistView } from './lists.view';
import type { TrackView } from './track.view';

/** Values of enumerations are spelled as in REST, so that clients of both compare them. */
const valuesOf = <Name extends string>(names: readonly Name[]) =>
  Object.fromEntries(names.map((name) => [name, name])) as { [Each in Name]: Each };

const AlbumTypes = valuesOf<AlbumType>(['album', 'single', 'compilation']);
registerEnumType(AlbumTypes, {
  name: 'AlbumType',
  description: 'What kind of release it is.',
  valuesMap: {
    album: { description: 'An album.' },
    single: { description: 'A single or EP.' },
    compilation: { description: 'A compilation.' },
  },
});
const Precisions = valuesOf<ReleaseDatePrecision>(['year', 'month', 'day']);
registerEnumType(Precisions, {
  name: 'ReleaseDatePrecision',
  description: 'How much of a release date the source tells.',
  valuesMap: {
    year: { description: '2003' },
    month: { description: '2003-04' },
    day: { description: '2003-04-15' },
  },
});
const SourceNames = valuesOf<TrackView['source']['name']>(['spotify', 'sample']);
registerEnumType(SourceNames, {
  name: 'SourceName',
  description: 'Where recordings are fetched from.',
  valuesMap: {
    spotify: { description: "Spotify's Web API." },
    sample: { description: 'The bundled sample catalogue.' },
  },
});
const LookupStatuses = valuesOf(['found', 'missing', 'invalid']);
registerEnumType(LookupStatuses, {
  name: 'LookupStatus',
  description: 'What became of one entry of a look-up.',
  valuesMap: {
    found: { description: 'The track is stored.' },
    missing: { description: 'No track is stored under this ISRC.' },
    invalid: { description: 'The input is no ISRC.' },
  },
});

@ObjectType({ description: 'A cover.' })
class Image {
  @Field({ description: 'Where it is.' }) url!: string;
  @Field(() => Int, { nullable: true, description: 'Pixels; null where the source does not tell.' })
  width!: number | null;
  @Field(() => Int, { nullable: true, description: 'Pixels; null where the source does not tell.' })
  height!: number | null;
}

@ObjectType({
  description: "An artist of stored tracks. Identity is the source's id, never the name.",
})
export class Artist {
  @Field(() => ID, { description: "The artist's id at the source." }) id!: string;
  @Field({ description: 'As the source has it.' }) name!: string;
  @Field({ description: "The artist's page at the source." }) url!: string;
  /** `trackCount` and `tracks` are the resolver's; the former is known already where an artist was read by itself. */
  trackCount?: number;
}

@ObjectType({ description: 'The release that a track stands on.' })
class Album {
  @Field(() => ID, { description: "The release's id at the source." }) id!: string;
  @Field({ description: 'As the source has it.' }) title!: string;
  @Field(() => AlbumTypes, { description: 'What kind of release it is.' }) type!: AlbumType;
  @Field(() => String, {
    nullable: true,
    description:
      'As precise as releaseDatePrecision: 2003, 2003-04 or 2003-04-15; null where the source does not tell.',
  })
  releaseDate!: string | null;
  @Field(() => Precisions, { nullable: true, description: 'Null where there is no release date.' })
  releaseDatePrecision!: ReleaseDatePrecision | null;
  @Field(() => Int, { description: 'Tracks on the release.' }) totalTracks!: number;
  @Field(() => String, { nullable: true, description: 'Null where the source does not tell.' })
  upc!: string | null;
  @Field(() => String, { nullable: true, description: 'Null where the source does not tell.' })
  label!: string | null;
  @Field({ description: "The release's page at the source." }) url!: string;
}

@ObjectType({ description: 'Where a track was fetched.' })
class TrackSource {
  @Field(() => SourceNames, { description: 'Which source.' }) name!: TrackView['source']['name'];
  @Field(() => ID, { description: "The track's id there." }) id!: string;
  @Field({ description: "The track's page there." }) url!: string;
  @Field(() => DateTime, { description: 'When it was fetched last.' }) fetchedAt!: string;
}

@ObjectType({ description: "How the track was chosen among the source's." })
class TrackMatch {
  @Field(() => String, {
    description: 'Which rule chose: `only-match`, `most-popular` or `tie-break`.',
  })
  rule!: string;
  @Field(() => Int, { description: 'How many stood to choose.' }) candidates!: number;
  @Field(() => String, {
    nullable: true,
    description: 'The market it was found in, where a search without one found nothing; else null.',
  })
  market!: string | null;
}

@ObjectType({ description: 'What stands behind an ISRC.' })
export class Track {
  @Field(() => ID, { description: 'In canonical form.' }) isrc!: string;
  @Field({ description: 'As the source has it.' }) title!: string;
  @Field(() => [Artist], { description: "In the source's order." }) artists!: Artist[];
  @Field(() => Album, { description: 'The release it stands on.' }) album!: Album;
  @Field(() => Image, { nullable: true, description: 'The widest of images; null where there is none.' })
  coverImage!: Image | null;
  @Field(() => [Image], { description: "The release's covers." }) images!: Image[];
  @Field(() => Int, { description: 'Milliseconds.' }) durationMs!: number;
  @Field(() => Boolean, { description: 'Whether it is marked explicit.' }) explicit!: boolean;
  @Field(() => Int, { nullable: true, description: '0-100; null where the source does not tell.' })
  popularity!: number | null;
  @Field(() => Int, { description: 'The disc it is on, from 1.' }) discNumber!: number;
  @Field(() => Int, { description: 'Its place on the disc, from 1.' }) trackNumber!: number;
  @Field(() => String, { nullable: true, description: 'Null where the source does not tell.' })
  previewUrl!: string | null;
  @Field(() => [String], {
    nullable: true,
    description: 'ISO 3166-1 alpha-2; null where the source does not tell.',
  })
  availableMarkets!: string[] | null;
  @Field(() => TrackSource, { description: 'Where it was fetched.' }) source!: TrackSource;
  @Field(() => TrackMatch, { description: 'How it was chosen.' }) match!: TrackMatch;
  @Field(() => DateTime, { description: 'When it was stored first.' }) createdAt!: string;
  @Field(() => DateTime, { description: 'When it was stored last.' }) updatedAt!: string;
}

@ObjectType({ description: 'What became of one entry of a look-up.' })
export class TrackLookup {
  @Field({ description: 'As sent.' }) input!: string;
  @Field(() => ID, { nullable: true, description: 'In canonical form; null where the input is no ISRC.' })
  isrc!: string | null;
  @Field(() => LookupStatuses, { description: 'What became of it.' }) status!: string;
  @Field(() => Track, { nullable: true, description: 'Null unless it was found.' }) track!: TrackView | null;
}

@InputType({ description: 'What tracks to list: all given members must hold.' })
export class TrackFilterInput {
  @Field(() => String, {
    nullable: true,
    description:
      'Part of the name of one of the artists. Case, accents and width do not matter; each word must be found, as the start of a word or, from three characters on, inside one.',
  })
  artist?: string | null;
  @Field(() => String, { nullable: true, description: 'Part of the title, in the same way.' })
  title?: string | null;
  @Field(() => String, {
    nullable: true,
    description: 'The first 1 to 12 characters of the ISRC; case and hyphens do not matter.',
  })
  isrcPrefix?: string | null;
}

/** The view of a document, as it was written. */
export function readDocument({ body }: TrackDocument): TrackView {
  return JSON.parse(body) as TrackView;
}

export const TrackConnection = connectionOf(
  () => Track,
  'Track',
  'Tracks, the most popular first.',
  readDocument,
);
export const ArtistConnection = connectionOf(
  () => Artist,
  'Artist',
  'Artists: exact name first, then names that begin with the query, then the rest; then by name, id.',
  (artist: StoredArtist) => toArtistView(artist),
);
