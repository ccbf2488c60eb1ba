/**
 * A process of its own: `write-tables.ts FOLDER FROM TO` writes the peers' rows of these tracks as files that LOAD DATA
 * and `.import` read, one for each table.
 */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { typicalRowsOf } from './typical-rows';
import { type Cell, TYPICAL_NAMES } from './typical-schema';

const CHUNK = 1 << 20;

const [folder = '.', from = '0', to = '0'] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const files = TYPICAL_NAMES.map((name) => ({
  name,
  handle: openSync(join(folder, `${name}-${from}.tsv`), 'w'),
  text: '',
}));
for (let n = Number(from); n < Number(to); n += 1) {
  const rows = typicalRowsOf(n);
  for (const file of files) {
    for (const row of rows[file.name]) file.text += `${row.map(cell).join('\t')}\n`;
    if (file.text.length > CHUNK) flush(file);
  }
}
for (const file of files) {
  flush(file);
  closeSync(file.handle);
}

function flush(file: { handle: number; text: string }): void {
  writeSync(file.handle, file.text);
  file.text = '';
}

/** No cell holds a tab or a line break; a backslash in JSON has to be doubled. */
function cell(value: Cell): string {
  return value === null ? '\\N' : String(value).replace(/\\/g, '\\\\');
}
