import type { RecordingAlbum } from '../recording/recording';
import { RELEASE_DATE_PRECISIONS, type ReleaseDatePrecision } from '../recording/recording';

/**
 * Reads Spotify's release date: `1978`, `1978-03`, `1978-03-09`, or `0000` for none. The date is given only as precise
 * as it is told to be (`precision`, where that is a known word) and as it is real: of `1978-02-31` the month is left.
 */
export function parseReleaseDate(
  text: string,
  precision: string,
): Pick<RecordingAlbum, 'releaseDate' | 'releaseDatePrecision'> {
  const parts = /^(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?$/.exec(text)?.slice(1) ?? [];
  const [year, month, day] = parts;
  if (year === undefined || year === '0000') return { releaseDate: null, releaseDatePrecision: null };

  const told = RELEASE_DATE_PRECISIONS.indexOf(precision as ReleaseDatePrecision);
  const level = Math.min(realParts(year, month, day) - 1, told < 0 ? 2 : told);
  return {
    releaseDate: [year, month, day].slice(0, level + 1).join('-'),
    releaseDatePrecision: RELEASE_DATE_PRECISIONS[level] ?? null,
  };
}

/** How many of the parts, from the left, are a real date. */
function realParts(year: string, month: string | undefined, day: string | undefined): number {
  if (month === undefined || month < '01' || month > '12') return 1;
  if (day === undefined) return 2;
  const date = new Date(`${year}-${month}-${day}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(`${year}-${month}-${day}`) ? 3 : 2;
}
