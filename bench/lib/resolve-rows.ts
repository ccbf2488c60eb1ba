/**
 * A process of its own: `resolve-rows.ts COUNT` imports so many codes, with a source that answers at once, on the database of
 * `DATABASE_URL`, and prints seconds and tracks made as JSON. The code is the built one.
 */
import { resolveByImport } from './built-service';
import { isrcAt, recordingAt } from './catalogue';

const count = Number(process.argv[2]);
const isrcs = Array.from({ length: count }, (_, n) => isrcAt(n));
const places = new Map<string, number>(isrcs.map((isrc, n) => [isrc, n]));

void resolveByImport(isrcs, (isrc) => recordingAt(places.get(isrc) ?? 0)).then((found) => {
  console.log(JSON.stringify(found));
});
