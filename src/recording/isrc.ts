import { AppError } from '../common/app-error';

declare const isrcBrand: unique symbol;

/** An ISRC in canonical form: 12 ASCII characters, `^[A-Z]{2}[A-Z0-9]{3}[0-9]{7}$` (ISO 3901). */
export type Isrc = string & { readonly [isrcBrand]: true };

/** A code, or the rule that the text breaks: a clause that reads well after a colon. */
export type IsrcReading = { readonly isrc: Isrc } | { readonly fault: string };

const CANONICAL = /^[A-Z]{2}[A-Z0-9]{3}[0-9]{7}$/;
/** UTF-16 units. Generous to padding, and short enough that nothing is read of a text that is no code anyway. */
const MAX_TEXT_LENGTH = 128;
const CODE_LENGTH = 12;
/** After how many letters and digits a separator may stand: US-VT1-03-00001. */
const PART_ENDS: readonly number[] = [2, 5, 7];
const LABEL = /^isrc/i; // without the u flag `i` folds no ſ or ı into ASCII
/** One hyphen (whatever Unicode calls a dash) or one space; a tab or line break is no presentation of a code. */
const SEPARATOR = /^[\p{Dash}\p{Zs}]$/u;

/** Whether the value is an ISRC in canonical form already. Other spellings are for `parseIsrc`. */
export function isIsrc(value: unknown): value is Isrc {
  return typeof value === 'string' && CANONICAL.test(value);
}

/**
 * Reads an ISRC in any accepted spelling (api.md section 2): either case, white space around, a label `ISRC` before
 * it, and one hyphen or space at any of the three places between the parts. A separator elsewhere, or two together,
 * is refused: it may be the trace of a lost character. Prefixes are not compared with country lists.
 */
export function parseIsrc(text: string): IsrcReading {
  if (isIsrc(text)) return { isrc: text }; // as nearly all are
  if (text.length > MAX_TEXT_LENGTH) {
    return {
      fault: `a text with an ISRC has at most ${MAX_TEXT_LENGTH} characters, this has ${text.length}`,
    };
  }
  const trimmed = text.trim();
  const whole = readCode(trimmed);
  // The label comes second, for codes of Iceland begin with it: ISRC12345678. A text as short as a code has none.
  if ('isrc' in whole || trimmed.length <= CODE_LENGTH || !LABEL.test(trimmed)) return whole;
  return readCode(trimmed.slice('ISRC'.length).trimStart().replace(/^:/, '').trimStart());
}

/**
 * The same for callers that cannot go on without a code.
 * @param field where the text stood, for the problem's `errors`
 * @throws InvalidIsrcError
 */
export function requireIsrc(text: string, field = 'isrc'): Isrc {
  const reading = parseIsrc(text);
  if ('fault' in reading) throw new InvalidIsrcError(text, reading.fault, field);
  return reading.isrc;
}

/** For people: US-VT1-03-00001. */
export function formatIsrc(isrc: Isrc): string {
  return [isrc.slice(0, 2), isrc.slice(2, 5), isrc.slice(5, 7), isrc.slice(7)].join('-');
}

/**
 * The first 1 to 12 characters of codes, for the filter `isrcPrefix`: `us-vt1` becomes `USVT1`. Null where no code
 * begins so (`U1`). A separator may also end it (`US-`); a label is not looked for, `ISRC` being itself a prefix.
 */
export function normaliseIsrcPrefix(text: string): string | null {
  if (text.length > MAX_TEXT_LENGTH) return null;
  const parts = joinParts(text.trim());
  if ('fault' in parts || parts.misplaced || parts.code === '' || parts.code.length > CODE_LENGTH)
    return null;
  // Whatever begins a code is completed to one by the end of any other code.
  return CANONICAL.test(parts.code + 'AAAAA0000000'.slice(parts.code.length)) ? parts.code : null;
}

/** A text that is not an ISRC, where one is needed. */
export class InvalidIsrcError extends AppError {
  /** @param fault the rule broken, as `parseIsrc` words it */
  constructor(text: string, fault: string, field = 'isrc') {
    super('invalid-isrc', `${printable(text)} is not an ISRC: ${fault}`, {
      fields: [{ field, message: fault }],
    });
  }
}

function readCode(text: string): IsrcReading {
  const parts = joinParts(text);
  if ('fault' in parts) return parts;
  const { code, misplaced } = parts;
  if (code === '') return { fault: 'it holds no letter or digit' };
  if (code.length !== CODE_LENGTH) {
    return { fault: `an ISRC has ${CODE_LENGTH} letters and digits, this has ${code.length}` };
  }
  if (misplaced) {
    return {
      fault: 'a hyphen or space may only stand between the parts, one at each place: US-VT1-03-00001',
    };
  }
  if (!/^[A-Z]{2}/.test(code)) return { fault: 'its first two characters must be letters' };
  const letterAt = code.slice(5).search(/[A-Z]/);
  if (letterAt >= 0) {
    const letter = code.charAt(5 + letterAt);
    return { fault: `its last seven characters must be digits, not the letter ${letter} (mind O/0 and I/1)` };
  }
  return { isrc: code as Isrc };
}

/** The letters and digits in upper case, separators dropped. ASCII is decided here, before any change of case. */
function joinParts(text: string): { code: string; misplaced: boolean } | { fault: string } {
  let code = '';
  let misplaced = false;
  let afterSeparator = false;
  for (const character of text) {
    if (/^[A-Za-z0-9]$/.test(character)) {
      code += character.toUpperCase();
      afterSeparator = false;
    } else if (SEPARATOR.test(character)) {
      misplaced ||= afterSeparator || !PART_ENDS.includes(code.length);
      afterSeparator = true;
    } else {
      return { fault: `${printable(character)} is neither a letter A-Z, a digit 0-9, a hyphen nor a space` };
    }
  }
  return { code, misplaced };
}

/** Quotes a text of whatever content: cut to 40 characters; what is unseen or steers a terminal, as an escape. */
function printable(text: string): string {
  const characters = Array.from(text.slice(0, 2 * 41)); // at most two units to a character: never more is looked at
  const escaped = characters
    .slice(0, 40)
    .join('')
    .replace(/(?! )[\p{C}\p{Z}"\\]/gu, (character) => {
      const isPlain = character === '"' || character === '\\';
      return isPlain ? `\\${character}` : `\\u{${character.codePointAt(0)?.toString(16) ?? ''}}`;
    });
  return `"${escaped}${characters.length > 40 ? '…' : ''}"`;
}
