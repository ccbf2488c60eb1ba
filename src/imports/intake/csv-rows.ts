import { CsvError, type Info, type Options, Parser } from 'csv-parse';
import { CSV_DIALECT, DELIMITERS, readCsvHead } from './csv-head';
import { type FileRow, MAX_ROW_CHARACTERS, partsOf } from './file-row';
import { UnreadableUploadError } from './import-input.errors';
import { withLineFeeds } from './text-lines';

/** Enough to hold the first row of any file that is accepted. */
const HEAD_CHARACTERS = MAX_ROW_CHARACTERS;
/** Excel's own way to name the delimiter, on a line before all others. */
const EXCEL_DELIMITER = /^"?sep=([^\n"])"?(\n|$)/i;

/**
 * `text/csv`: commas, semicolons or tabs, quotes that may hold line feeds. A row is known by the line that it begins on. Rows
 * without any text are none.
 * @param column of the codes, by name or by number from 1; null: the one named `isrc`, or the first that holds a code
 * @throws UnreadableUploadError where there is no such column, a quote is not closed, or a row is too long
 */
export async function* readCsvRows(
  texts: AsyncIterable<string>,
  column: string | null,
): AsyncGenerator<FileRow[]> {
  const parts = withLineFeeds(texts);
  const head = await takeHead(parts);
  const told = EXCEL_DELIMITER.exec(head);
  const text = told === null ? head : head.slice(told[0].length);
  const reading = readCsvHead(text, told?.[1] === undefined ? DELIMITERS : [told[1]], column);
  if (reading === null) return;

  const rows = new CsvRows(reading, told === null ? 0 : 1);
  for (const part of partsOf(text)) yield await rows.read(part);
  for await (const more of parts) for (const part of partsOf(more)) yield await rows.read(part);
  yield await rows.end();
}

async function takeHead(parts: AsyncIterator<string>): Promise<string> {
  let head = '';
  while (head.length < HEAD_CHARACTERS) {
    const next = await parts.next();
    if (next.done === true) break;
    head += next.value;
  }
  return head;
}

/** Takes rows as they are parsed. As a stream of objects, or by the parser's own callback, they take several times as long. */
class RowParser extends Parser {
  constructor(
    options: Options,
    private readonly onRow: (cells: string[], info: Info) => void,
  ) {
    super(options);
  }

  override push(cells: string[] | null): boolean {
    if (cells === null) return super.push(null);
    this.onRow(cells, this.info);
    // For the parser each is the first again: it makes an error, with its stack, of every row that has other columns than the first.
    (this.info as { records: number }).records = 0;
    return true;
  }
}

class CsvRows {
  private readonly parser: RowParser;
  private found: FileRow[] = [];
  private isHeaderDue: boolean;
  private rows = 0;
  /** Rows and empty lines told by the parser, and the characters it got since the last of them. */
  private told = 0;
  private silent = 0;

  constructor(
    { delimiter, column, hasHeader }: { delimiter: string; column: number; hasHeader: boolean },
    linesBefore: number,
  ) {
    this.isHeaderDue = hasHeader;
    this.parser = new RowParser({ ...CSV_DIALECT, delimiter }, (cells, { lines }) => {
      this.take(cells, column, linesBefore + lines);
    });
    this.parser.on('error', () => undefined); // it comes with the call that caused it, too
    this.parser.resume();
  }

  async read(part: string): Promise<FileRow[]> {
    await this.pass((done) => this.parser.write(part, done));
    const told = this.rows + this.parser.info.empty_lines;
    this.silent = told === this.told ? this.silent + part.length : 0;
    this.told = told;
    // An open quote, a cell without end, a row of a million columns: nothing of it is held for longer.
    if (this.silent > MAX_ROW_CHARACTERS) {
      this.parser.destroy();
      throw new UnreadableUploadError(
        `the row after line ${this.parser.info.lines} is longer than ${MAX_ROW_CHARACTERS} characters, or a quote in it is not closed`,
      );
    }
    return this.handOver();
  }

  async end(): Promise<FileRow[]> {
    await this.pass((done) => this.parser.end(done));
    return this.handOver();
  }

  private take(cells: readonly string[], column: number, lastLine: number): void {
    this.rows += 1;
    if (isBlank(cells)) return;
    if (this.isHeaderDue) {
      this.isHeaderDue = false;
      return;
    }
    const line = lastLine - cells.reduce((sum, cell) => sum + countLineFeeds(cell), 0);
    const input = cells[column];
    this.found.push(
      input === undefined || input.trim() === ''
        ? { line, input: input ?? '', fault: 'the row has no code in its column' }
        : { line, input: input.trim() },
    );
  }

  private handOver(): FileRow[] {
    const { found } = this;
    this.found = [];
    return found;
  }

  private pass(work: (done: (error?: Error | null) => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      work((error) => {
        if (error === undefined || error === null)
          setImmediate(resolve); // others get a turn
        else reject(error instanceof CsvError ? toUploadError(error) : error);
      });
    });
  }
}

function isBlank(cells: readonly string[]): boolean {
  for (const cell of cells) if (cell !== '' && cell.trim() !== '') return false;
  return true;
}

function countLineFeeds(cell: string): number {
  let count = 0;
  for (let at = cell.indexOf('\n'); at >= 0; at = cell.indexOf('\n', at + 1)) count += 1;
  return count;
}

function toUploadError(error: CsvError): UnreadableUploadError {
  return error.code === 'CSV_QUOTE_NOT_CLOSED'
    ? new UnreadableUploadError('a quote is not closed at the end of the file', 'body', error)
    : new UnreadableUploadError('is not CSV that can be read', 'body', error);
}
