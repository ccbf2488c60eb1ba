/** A row as it was found in an upload. */
export interface FileRow {
  /** Where it begins, from 1; of a JSON list, its place. */
  readonly line: number;
  /** The text that should be a code. */
  readonly input: string;
  /** Why there is no such text; absent where there is one. */
  readonly fault?: string;
}

/** What one import may hold. */
export const MAX_ROWS = 1_000_000;

/** No row, line, cell or text is longer. Spreadsheets hold 32,767 characters in a cell. */
export const MAX_ROW_CHARACTERS = 256 * 1024;

/** Nothing is parsed in larger parts without a turn of the event loop. */
const PART_CHARACTERS = 32 * 1024;

/** A text in parts that take some milliseconds to parse. */
export function* partsOf(text: string): Generator<string> {
  for (let at = 0; at < text.length; at += PART_CHARACTERS) yield text.slice(at, at + PART_CHARACTERS);
}
