import { parse } from 'csv-parse/sync';
import { parseIsrc } from '../../recording/isrc';
import { UnreadableUploadError } from './import-input.errors';

export const DELIMITERS: readonly string[] = [',', ';', '\t'];
/** What spreadsheets write, and what people wrote by hand: a quote within a cell is a character like another. */
export const CSV_DIALECT = {
  relax_quotes: true,
  relax_column_count: true,
  skip_empty_lines: true,
  record_delimiter: '\n',
} as const;
/** Rows of nothing but delimiters, which may stand before the first: spreadsheets write blank ones so. */
const BLANK_ROWS = /^[\s,;]*\n/;
/** As may rows of empty quotes. */
const ROWS_LOOKED_AT = 20;
/** Fewer digits are no attempt at a code, of which at least seven are. */
const DIGITS_OF_A_CODE = 5;

/** How a file of CSV is to be read. */
export interface CsvHead {
  readonly delimiter: string;
  /** Column of the codes, from 0. */
  readonly column: number;
  readonly hasHeader: boolean;
}

/**
 * Finds out by its first row how a file is to be read; null where there is no row.
 * @param head its first characters: all of them, or more than a row has
 * @param delimiters it may have
 * @param column asked for, by name or by number from 1; null: the one named `isrc`, or the first that holds a code
 * @throws UnreadableUploadError where there is no such column
 */
export function readCsvHead(
  head: string,
  delimiters: readonly string[],
  column: string | null,
): CsvHead | null {
  const text = head.replace(BLANK_ROWS, '');
  const readings = delimiters.map((delimiter) => {
    const cells = firstRow(text, delimiter);
    return { delimiter, cells, found: cells === null ? null : findColumn(cells, column) };
  });
  if (readings.every(({ cells }) => cells === null)) return null;
  const columnsOf = ({ cells }: (typeof readings)[number]) => cells?.length ?? 0;
  const [best] = readings.filter(({ found }) => found !== null).sort((a, b) => columnsOf(b) - columnsOf(a)); // stable: the comma first
  if (best?.found === undefined || best.found === null) throw noColumn(column);
  return { delimiter: best.delimiter, ...best.found };
}

/** Null where the text has none. */
function firstRow(head: string, delimiter: string): string[] | null {
  let rows: string[][];
  try {
    rows = parse(head, { ...CSV_DIALECT, delimiter, to: ROWS_LOOKED_AT });
  } catch {
    // A quote that is open at the end of the head: the rows before it are good.
    rows = parse(head, { ...CSV_DIALECT, delimiter, to: 1, quote: null });
  }
  return rows.find((cells) => cells.some((cell) => cell.trim() !== '')) ?? null;
}

function findColumn(cells: readonly string[], asked: string | null): Omit<CsvHead, 'delimiter'> | null {
  const names = cells.map((cell) => cell.trim().toLowerCase());
  if (asked === null) {
    const named = names.indexOf('isrc');
    if (named >= 0) return { column: named, hasHeader: true };
    const code = cells.findIndex((cell) => 'isrc' in parseIsrc(cell));
    return code < 0 ? null : { column: code, hasHeader: false };
  }
  const named = names.indexOf(asked.trim().toLowerCase());
  if (named >= 0) return { column: named, hasHeader: true };
  const column = /^[1-9]\d{0,5}$/.test(asked) ? Number(asked) - 1 : -1;
  const cell = cells[column];
  return cell === undefined ? null : { column, hasHeader: !isLikeACode(cell) };
}

/** A mistyped code in the first row is a row at fault, and no header. */
function isLikeACode(cell: string): boolean {
  return (cell.match(/[0-9]/g)?.length ?? 0) >= DIGITS_OF_A_CODE;
}

function noColumn(asked: string | null): UnreadableUploadError {
  if (asked !== null) return new UnreadableUploadError('names no column of the first row', 'column');
  return new UnreadableUploadError(
    'has no column named isrc, and its first row holds no code. Name the column with ?column= (its name, or its number from 1)',
  );
}
