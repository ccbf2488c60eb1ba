import { UnreadableUploadError } from './import-input.errors';
import { MAX_ROW_CHARACTERS } from './file-row';

/** Text with CR, LF and CRLF all told as LF, however it was cut into parts. */
export async function* withLineFeeds(texts: AsyncIterable<string>): AsyncGenerator<string> {
  let endsInReturn = false;
  for await (const text of texts) {
    if (text === '') continue;
    const rest = endsInReturn && text.startsWith('\n') ? text.slice(1) : text;
    endsInReturn = text.endsWith('\r');
    yield rest.includes('\r') ? rest.replace(/\r\n?/g, '\n') : rest;
  }
}

/** The lines of a text, without their ends, numbered from 1; those of one part together. */
export async function* linesOf(
  texts: AsyncIterable<string>,
): AsyncGenerator<{ line: number; text: string }[]> {
  let line = 0;
  let open = '';
  for await (const text of withLineFeeds(texts)) {
    const parts = (open + text).split('\n');
    open = parts.pop() ?? '';
    const tooLong = [...parts, open].findIndex(({ length }) => length > MAX_ROW_CHARACTERS);
    if (tooLong >= 0)
      throw new UnreadableUploadError(
        `line ${line + tooLong + 1} is longer than ${MAX_ROW_CHARACTERS} characters`,
      );
    yield parts.map((part) => ({ line: (line += 1), text: part }));
  }
  if (open !== '') yield [{ line: line + 1, text: open }];
}
