import { toCsv } from '../common/csv-text';
import type { TrackView } from './dto/track.view';
import { toCells, TRACK_COLUMNS } from './track-columns';
import type { TrackDocument } from './track-document';

/** The forms that tracks are exported in. */
export const EXPORT_FORMATS = ['csv', 'ndjson'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** Tracks as a file, part by part. */
export async function* tracksAsFile(
  format: ExportFormat,
  batches: AsyncIterable<readonly TrackDocument[]>,
): AsyncGenerator<string> {
  if (format === 'csv') yield toCsv([TRACK_COLUMNS]);
  for await (const tracks of batches) {
    yield format === 'csv'
      ? toCsv(tracks.map(({ body }) => toCells(JSON.parse(body) as TrackView))) // our own text
      : tracks.map(({ body }) => `${body}\n`).join('');
  }
}
