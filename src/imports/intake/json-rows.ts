import { type FileRow, MAX_ROW_CHARACTERS, partsOf } from './file-row';
import { UnreadableUploadError } from './import-input.errors';

/** One token of `{ "isrcs": [ "…", … ] }`: white space, then punctuation or a whole string. */
const TOKEN = /[ \t\r\n]*(?:([{}[\],:])|("(?:[^"\\\u0000-\u001f]|\\.)*"))/y;
/** What may stand at the end of a part, and become a token with the next: white space, and a string that is open. */
const BEGUN = /^[ \t\r\n]*(?:"(?:[^"\\\u0000-\u001f]|\\.)*\\?)?$/;
const BLANK = /^[ \t\r\n]*$/;
const FORM = 'must be JSON of the form { "isrcs": ["…", …] }';

type State = 'start' | 'key' | 'colon' | 'list' | 'first' | 'next' | 'value' | 'close' | 'end';

/**
 * `application/json`: `{ "isrcs": ["…", …] }`, token by token, so that a list of a million is never held as a whole. A row is known by
 * its place in the list, from 1.
 * @throws UnreadableUploadError where it has another form
 */
export async function* readJsonRows(texts: AsyncIterable<string>): AsyncGenerator<FileRow[]> {
  const reader = new JsonList();
  for await (const text of texts) {
    for (const part of partsOf(text)) {
      yield reader.read(part);
      await new Promise(setImmediate);
    }
  }
  reader.end();
}

class JsonList {
  private state: State = 'start';
  private open = '';
  private place = 0;

  read(part: string): FileRow[] {
    const text = this.open + part;
    const rows: FileRow[] = [];
    let at = 0;
    TOKEN.lastIndex = 0;
    for (let match = TOKEN.exec(text); match !== null; match = TOKEN.exec(text)) {
      at = TOKEN.lastIndex;
      const [, mark, string] = match;
      const value = string === undefined ? null : parseString(string);
      if (value !== null && (this.state === 'first' || this.state === 'value'))
        rows.push({ line: (this.place += 1), input: value });
      this.state = this.after(mark ?? 'string', value);
      TOKEN.lastIndex = at;
    }
    this.open = text.slice(at);
    if (!BEGUN.test(this.open)) throw this.fault();
    if (this.open.length > MAX_ROW_CHARACTERS)
      throw new UnreadableUploadError(`isrcs.${this.place} is longer than ${MAX_ROW_CHARACTERS} characters`);
    return rows;
  }

  end(): void {
    if (this.state !== 'end' || !BLANK.test(this.open)) throw new UnreadableUploadError(FORM);
  }

  private after(token: string, value: string | null): State {
    const { state } = this;
    if (state === 'start' && token === '{') return 'key';
    if (state === 'key' && value === 'isrcs') return 'colon';
    if (state === 'key' && value !== null) throw unknownField(value);
    if (state === 'colon' && token === ':') return 'list';
    if (state === 'list' && token === '[') return 'first';
    if (state === 'first' && token === ']') return 'close';
    if ((state === 'first' || state === 'value') && token === 'string') return 'next';
    if (state === 'next' && token === ',') return 'value';
    if (state === 'next' && token === ']') return 'close';
    if (state === 'close' && token === '}') return 'end';
    if (state === 'close' && token === ',') return 'key';
    throw this.fault();
  }

  private fault(): UnreadableUploadError {
    const isEntry = this.state === 'first' || this.state === 'value';
    return new UnreadableUploadError(isEntry ? `isrcs.${this.place} is not a string` : FORM);
  }
}

/** The pattern lets escapes pass that JSON does not have. */
function parseString(text: string): string {
  try {
    return JSON.parse(text) as string;
  } catch {
    throw new UnreadableUploadError(FORM);
  }
}

function unknownField(name: string): UnreadableUploadError {
  return new UnreadableUploadError(`${JSON.stringify(name.slice(0, 100))} is not a field of this call`);
}
