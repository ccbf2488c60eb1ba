import { toCsv } from '../common/csv-text';
import { ROW_COLUMNS, toImportRowView } from './dto/import.view';
import type { ImportRow } from './entities/import-row.entity';

type Batches = AsyncIterable<readonly ImportRow[]>;

/** Rows of an import as a file of CSV, part by part. */
export async function* rowsAsCsv(batches: Batches): AsyncGenerator<string> {
  yield toCsv([ROW_COLUMNS]);
  for await (const rows of batches) {
    yield toCsv(rows.map(toImportRowView).map((row) => ROW_COLUMNS.map((name) => row[name])));
  }
}

/** The same as JSON lines. */
export async function* rowsAsNdjson(batches: Batches): AsyncGenerator<string> {
  for await (const rows of batches) {
    yield rows.map((row) => `${JSON.stringify(toImportRowView(row))}\n`).join('');
  }
}
