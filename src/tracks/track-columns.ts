import type { TrackView } from './dto/track.view';

/** What stands between several values in one cell. */
const BETWEEN = '; ';

type Cell = string | number | boolean | null;

/** The columns of an export: a track without depth, several values of one kind joined in their order. */
const COLUMNS: Readonly<Record<string, (track: TrackView) => Cell>> = {
  isrc: ({ isrc }) => isrc,
  title: ({ title }) => title,
  artists: ({ artists }) => artists.map(({ name }) => name).join(BETWEEN),
  artistIds: ({ artists }) => artists.map(({ id }) => id).join(BETWEEN),
  albumId: ({ album }) => album.id,
  albumTitle: ({ album }) => album.title,
  albumType: ({ album }) => album.type,
  releaseDate: ({ album }) => album.releaseDate,
  releaseDatePrecision: ({ album }) => album.releaseDatePrecision,
  totalTracks: ({ album }) => album.totalTracks,
  upc: ({ album }) => album.upc,
  label: ({ album }) => album.label,
  albumUrl: ({ album }) => album.url,
  coverImageUrl: ({ coverImage }) => coverImage?.url ?? null,
  durationMs: ({ durationMs }) => durationMs,
  explicit: ({ explicit }) => explicit,
  popularity: ({ popularity }) => popularity,
  discNumber: ({ discNumber }) => discNumber,
  trackNumber: ({ trackNumber }) => trackNumber,
  previewUrl: ({ previewUrl }) => previewUrl,
  availableMarkets: ({ availableMarkets }) => availableMarkets?.join(BETWEEN) ?? null,
  sourceName: ({ source }) => source.name,
  sourceId: ({ source }) => source.id,
  sourceUrl: ({ source }) => source.url,
  fetchedAt: ({ source }) => source.fetchedAt,
  matchRule: ({ match }) => match.rule,
  matchCandidates: ({ match }) => match.candidates,
  matchMarket: ({ match }) => match.market,
  createdAt: ({ createdAt }) => createdAt,
  updatedAt: ({ updatedAt }) => updatedAt,
};

/** Names of the columns, in order. */
export const TRACK_COLUMNS: readonly string[] = Object.keys(COLUMNS);

/** The cells of a track, in the order of `TRACK_COLUMNS`. */
export function toCells(track: TrackView): Cell[] {
  return Object.values(COLUMNS).map((cellOf) => cellOf(track));
}
