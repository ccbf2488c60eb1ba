import { stringify } from 'csv-stringify/sync';

/** What spreadsheets take for a formula, full-width forms included; a tab or CR before one hides it. */
const FORMULA = /^[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/;

/**
 * Rows as CSV (RFC 4180, lines ended by LF). A cell that a spreadsheet would take for a formula gets an apostrophe before it, and
 * quotes: it is shown as text then, and runs nothing. Null is an empty cell.
 */
export function toCsv(rows: readonly (readonly (string | number | boolean | null)[])[]): string {
  return stringify(
    rows.map((row) => row.map((cell) => (typeof cell === 'boolean' ? String(cell) : cell))),
    { escape_formulas: true, quoted_match: FORMULA },
  );
}
