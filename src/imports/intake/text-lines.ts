import { UnreadableUploadError } from './import-input.errors';
import { MAX_ROW_CHARACTERS, partsOf } from './file-row';

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

/**
 * The lines of a text that are not blank, without their ends and the white space around, numbered from 1; those of one part together.
 * @throws UnreadableUploadError where one is too long
 */
export async function* linesOf(
  texts: AsyncIterable<string>,
): AsyncGenerator<{ line: number; text: string }[]> {
  let line = 0;
  let open = '';
  const refuseLong = (length: number): void => {
    if (length > MAX_ROW_CHARACTERS)
      throw new UnreadableUploadError(`line ${line} is longer than ${MAX_ROW_CHARACTERS} characters`);
  };
  for await (const text of withLineFeeds(texts)) {
    for (const part of partsOf(text)) {
      const found: { line: number; text: string }[] = [];
      let from = 0;
      for (let to = part.indexOf('\n'); to >= 0; to = part.indexOf('\n', from)) {
        line += 1;
        if (to > from || open !== '') {
          refuseLong(open.length + to - from);
          const content = (open + part.slice(from, to)).trim();
          if (content !== '') found.push({ line, text: content });
          open = '';
        }
        from = to + 1;
      }
      open += part.slice(from);
      if (open.length > MAX_ROW_CHARACTERS) {
        line += 1;
        refuseLong(open.length);
      }
      yield found;
      await new Promise(setImmediate); // others get a turn
    }
  }
  const rest = open.trim();
  if (rest !== '') yield [{ line: line + 1, text: rest }];
}
