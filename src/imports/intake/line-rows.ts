import type { FileRow } from './file-row';
import { linesOf } from './text-lines';

/** `text/plain`: a code a line; blank lines are none. */
export async function* readPlainRows(texts: AsyncIterable<string>): AsyncGenerator<FileRow[]> {
  for await (const lines of linesOf(texts)) {
    yield lines.map(({ line, text }) => ({ line, input: text }));
  }
}

/** `application/x-ndjson`: a line holds a string, or an object with `isrc`. A line that does not is a row at fault. */
export async function* readNdjsonRows(texts: AsyncIterable<string>): AsyncGenerator<FileRow[]> {
  for await (const lines of linesOf(texts)) {
    yield lines.map(({ line, text }) => ({ line, ...readValue(text) }));
  }
}

function readValue(text: string): Pick<FileRow, 'input' | 'fault'> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { input: text, fault: 'the line is not JSON' };
  }
  if (typeof value === 'string') return { input: value };
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { input: text, fault: 'the line is neither a string nor an object with isrc' };
  const code = Object.entries(value).find(([key]) => key.toLowerCase() === 'isrc')?.[1] as unknown;
  if (typeof code === 'string') return { input: code };
  return { input: text, fault: code === undefined ? 'the object has no isrc' : 'isrc is not a string' };
}
