import type { Isrc } from './isrc';
import type { AlbumType, MatchRule, Recording, SourceName, SourceTrack } from './recording';

/** Where, when and how the tracks were found. */
export interface Finding {
  readonly source: SourceName;
  readonly fetchedAt: Date;
  /** The market they were found in, where a search without one found nothing; else null. */
  readonly market: string | null;
}

const ALBUM_TYPE_RANK: Readonly<Record<AlbumType, number>> = { album: 0, single: 1, compilation: 2 };

/**
 * Makes the recording out of what the source found under a code (api.md section 4, "Which track"); null where
 * nothing of it carries the code. Sources answer with other codes' tracks, and with one track on two pages: the
 * former are dropped, the latter count once. The order in which the tracks come never matters.
 */
export function chooseTrack(isrc: Isrc, tracks: readonly SourceTrack[], finding: Finding): Recording | null {
  const seen = new Set<string>();
  const candidates = tracks
    .filter((track) => track.isrc === isrc)
    .sort(compareTracks)
    .filter(({ id }) => !seen.has(id) && seen.add(id));
  const [chosen, runnerUp] = candidates;
  if (chosen === undefined) return null;
  return {
    isrc,
    source: finding.source,
    fetchedAt: finding.fetchedAt,
    chosen,
    match: { rule: ruleBetween(chosen, runnerUp), market: finding.market },
    candidates,
  };
}

/**
 * Better track first. Every step compares one value of each track, so the order is total and transitive:
 * popularity (not told: below 0), number of markets (not told: below none), album before single before compilation,
 * earlier release (see `releaseKey`), smaller id by UTF-16 units.
 */
export function compareTracks(a: SourceTrack, b: SourceTrack): number {
  return (
    popularityKey(b) - popularityKey(a) ||
    marketsKey(b) - marketsKey(a) ||
    ALBUM_TYPE_RANK[a.album.type] - ALBUM_TYPE_RANK[b.album.type] ||
    compareText(releaseKey(a), releaseKey(b)) ||
    compareText(a.id, b.id)
  );
}

function ruleBetween(chosen: SourceTrack, runnerUp: SourceTrack | undefined): MatchRule {
  if (runnerUp === undefined) return 'only-match';
  return popularityKey(chosen) > popularityKey(runnerUp) ? 'most-popular' : 'tie-break';
}

const popularityKey = (track: SourceTrack): number => track.popularity ?? -1;

const marketsKey = (track: SourceTrack): number => track.availableMarkets?.length ?? -1;

/**
 * Dates compare as text. A less precise one so stands at the very start of its period: `1978`, `1978-01`,
 * `1978-01-01`, `1978-03`. An unknown one comes last: `~` sorts after all digits.
 */
const releaseKey = (track: SourceTrack): string => track.album.releaseDate ?? '~';

/** Not `localeCompare`: the order may depend neither on the machine's language nor on its ICU version. */
function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
