import { TextDecoder } from 'node:util';
import { AppError } from '../../common/app-error';
import { UnreadableUploadError } from './import-input.errors';

type Encoding = 'utf-8' | 'utf-16le' | 'utf-16be' | 'windows-1252';

/**
 * Names that callers give, and what is read for them: browsers and spreadsheets say Latin-1 for Windows-1252. Null is UTF-16 by its
 * byte order mark.
 */
const CHARSETS: Readonly<Record<string, Encoding | null>> = {
  'utf-8': 'utf-8',
  utf8: 'utf-8',
  'us-ascii': 'utf-8',
  'iso-8859-1': 'windows-1252',
  latin1: 'windows-1252',
  'windows-1252': 'windows-1252',
  'utf-16': null,
  'utf-16le': 'utf-16le',
  'utf-16be': 'utf-16be',
};

/** What people send in place of text, by its first bytes. */
const NO_TEXT: readonly (readonly [bytes: string, what: string])[] = [
  ['504b0304', 'this is a ZIP or Excel file: save the sheet as CSV'],
  ['d0cf11e0', 'this is an old Excel file: save the sheet as CSV'],
  ['1f8b', 'this is compressed: send it with Content-Encoding: gzip'],
];

/**
 * The text of an upload, without its byte order mark. A `charset` is taken at its word; without one a byte order mark decides, and
 * else the first character beyond ASCII: where it is no UTF-8, the text is Windows-1252, which Western spreadsheets write.
 * @throws AppError `unsupported-media-type` for another charset, UnreadableUploadError for what is no text
 */
export async function* decodeText(
  bytes: AsyncIterable<Uint8Array>,
  charset: string | null,
): AsyncGenerator<string> {
  const name = charset?.toLowerCase();
  if (name !== undefined && !Object.hasOwn(CHARSETS, name)) {
    throw new AppError(
      'unsupported-media-type',
      'The body must be text in UTF-8, UTF-16, ISO-8859-1 or Windows-1252.',
    );
  }
  const told = name === undefined ? null : (CHARSETS[name] ?? null);
  let decoder: TextDecoder | null = told === null ? null : new TextDecoder(told);
  let isFirst = true;
  let held: Uint8Array = new Uint8Array();
  for await (const chunk of bytes) {
    const part = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    if (isFirst && part.length < 4) {
      held = part;
      continue;
    }
    if (isFirst) refuseNoText(part);
    isFirst = false;
    held = new Uint8Array();
    if (decoder === null && name === 'utf-16') {
      // Little-endian where there is no mark, as WHATWG's encoding standard has it.
      decoder = new TextDecoder(part[0] === 0xfe && part[1] === 0xff ? 'utf-16be' : 'utf-16le');
    } else if (decoder === null) {
      const found = detect(part, false);
      if (found.encoding === null) {
        // All ASCII so far, up to what may be the beginning of a character: any decoder would do.
        held = part.subarray(found.asciiLength);
        yield textOf(new TextDecoder('utf-8'), part.subarray(0, found.asciiLength), false);
        continue;
      }
      decoder = new TextDecoder(found.encoding);
    }
    yield textOf(decoder, part, true);
  }
  if (isFirst && held.length > 0) refuseNoText(held);
  decoder ??= new TextDecoder(detect(held, true).encoding ?? 'utf-8');
  yield textOf(decoder, held, true) + decoder.decode();
}

function textOf(decoder: TextDecoder, part: Uint8Array, isStreamed: boolean): string {
  const text = decoder.decode(part, { stream: isStreamed });
  if (text.includes('\0')) throw new UnreadableUploadError('is not text: it holds NUL characters');
  return text;
}

function refuseNoText(head: Uint8Array): void {
  const hex = Buffer.from(head.subarray(0, 4)).toString('hex');
  const what = NO_TEXT.find(([start]) => hex.startsWith(start))?.[1];
  if (what !== undefined) throw new UnreadableUploadError(what);
}

/** Null while all is ASCII; then also how much surely is. */
function detect(part: Uint8Array, isLast: boolean): { encoding: Encoding | null; asciiLength: number } {
  if (part[0] === 0xff && part[1] === 0xfe) return { encoding: 'utf-16le', asciiLength: 0 };
  if (part[0] === 0xfe && part[1] === 0xff) return { encoding: 'utf-16be', asciiLength: 0 };
  const at = Buffer.from(part.buffer, part.byteOffset, part.length)
    .toString('latin1')
    .search(/[\x80-\xff]/);
  if (at < 0) return { encoding: null, asciiLength: part.length };
  const length = utf8Length(part[at] ?? 0);
  const rest = part.subarray(at + 1, at + length);
  const isContinued = length > 0 && rest.every((byte) => (byte & 0xc0) === 0x80);
  if (!isContinued) return { encoding: 'windows-1252', asciiLength: at };
  if (rest.length === length - 1) return { encoding: 'utf-8', asciiLength: at };
  return { encoding: isLast ? 'windows-1252' : null, asciiLength: at };
}

/** Bytes of the character that begins with this one; 0 where none does. */
function utf8Length(byte: number): number {
  if (byte >= 0xc2 && byte <= 0xdf) return 2;
  if (byte >= 0xe0 && byte <= 0xef) return 3;
  return byte >= 0xf0 && byte <= 0xf4 ? 4 : 0;
}
