/**
 * Search by name, the same on every engine: names are normalised here and compared by code point there, and an index of
 * grams finds them without a scan. Pure.
 *
 * A gram of a name is one of
 * - `^x`, `^xy`: the first one or two characters where a word starts;
 * - `xyz`: any three characters within a word;
 * - `xy`: any two characters within a word of which one belongs to a script written without spaces.
 *
 * So a query word of three characters and more is found anywhere inside a word, a shorter one at the start of a word, and
 * two characters of Japanese or Chinese anywhere. docs/decisions/0009-name-index.md tells how they are found fast.
 */

/** As long as the column; what is beyond is shown, but not searched. */
const MAX_NORMALISED = 500;
/** Of a long word, so many of its grams are looked at for a rare one. */
const MAX_GRAMS_OF_WORD = 6;
/** Characters of an ending, marks included; of a longer word the rest is looked at in the word itself. */
const MAX_ENDING = 24;
const START = '^';
/** Marks in `markStarts` where a word starts: a control character, which no normalised name has. */
const MARK = '\u0001';

/** Letters that keep no accent to strip: their usual spelling without one. */
const SPELLED_OUT: Readonly<Record<string, string>> = {
  ß: 'ss', æ: 'ae', œ: 'oe', ø: 'o', ł: 'l', đ: 'd', ð: 'd', þ: 'th', ħ: 'h', ı: 'i', ŧ: 't', ς: 'σ',
  '’': "'", '‘': "'", 'ʼ': "'", '“': '"', '”': '"', '‐': '-', '‑': '-', '–': '-', '—': '-', '−': '-',
}; // prettier-ignore
const SPELLED_OUT_PATTERN = new RegExp(`[${Object.keys(SPELLED_OUT).join('')}]`, 'gu');

/** Accents of Latin, Greek and Cyrillic; marks that are letters of their own (kana voicing, Indic vowels) stay. */
const ACCENTS = /[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]/gu;
const BLANKS = /[\p{White_Space}\p{Cc}\p{Cf}\p{Cs}]+/gu;
/** Of these nothing but case and blanks can differ: most names, in a tenth of the time. */
const PLAIN = /^[ -~]*$/;
/** A word that starts nowhere but at its beginning, for certain. */
const PLAIN_WORD = /^[a-z0-9]+$/;
const LETTER_OR_DIGIT = /[\p{L}\p{N}\p{M}]/u;
const WITHOUT_SPACES =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}ー]/u;

/** A name without what does not matter in a search: case, accents, width, kind and number of blanks. */
export function normaliseName(name: string): string {
  if (PLAIN.test(name))
    return name.toLowerCase().replace(/ +/g, ' ').trim().slice(0, MAX_NORMALISED).trimEnd();
  const folded = name
    .normalize('NFKD')
    .replace(ACCENTS, '')
    .normalize('NFKC')
    .toUpperCase() // before lower case: capital letters fold more alike (ß, ſ, final sigma)
    .toLowerCase()
    .replace(SPELLED_OUT_PATTERN, (letter) => SPELLED_OUT[letter] ?? letter)
    .normalize('NFKD')
    .replace(ACCENTS, '')
    .normalize('NFC')
    .replace(BLANKS, ' ')
    .trim();
  return Array.from(folded).slice(0, MAX_NORMALISED).join('').trimEnd();
}

/** Every gram of a normalised name, each once. */
export function gramsOf(normalised: string): string[] {
  const grams = new Set<string>();
  for (const word of normalised.split(' ')) {
    const characters = Array.from(word);
    characters.forEach((character, at) => {
      const [, second, third] = characters.slice(at);
      if (startsWord(characters, at)) {
        grams.add(START + character);
        if (second !== undefined) grams.add(START + character + second);
      }
      if (second !== undefined && isWithoutSpaces(character + second)) grams.add(character + second);
      if (second !== undefined && third !== undefined) grams.add(character + second + third);
    });
  }
  grams.delete(START);
  return [...grams];
}

/**
 * What a word ends with, from each place on where a query word can be found in it: where it starts, and inside it where three
 * characters follow, or two that are written without spaces. A word has a query word if one of these begins with its `pattern`,
 * or with a mark and that. The first is the word from its start.
 */
export function endingsOf(word: string): string[] {
  const marked = Array.from(markStarts(word));
  const endings = new Set<string>();
  marked.forEach((character, at) => {
    if (character !== MARK && marked[at - 1] === MARK) return; // found by the one before, with its mark
    const following = marked.slice(at, at + 2 * 3).filter((each) => each !== MARK);
    const [first = '', second, third] = following;
    const isLongEnough = third !== undefined || (second !== undefined && isWithoutSpaces(first + second));
    if (character === MARK || isLongEnough) endings.add(marked.slice(at, at + MAX_ENDING).join(''));
  });
  return [...endings];
}

/** The first text of `endingsOf` that a query word asks for, cut like them, and whether the word itself is to be looked at. */
export function endingStarts({ pattern }: QueryWord): { starts: string[]; isCut: boolean } {
  const characters = Array.from(pattern);
  const start = characters.slice(0, MAX_ENDING - 1).join('');
  return {
    starts: start.startsWith(MARK) ? [start] : [start, MARK + start],
    isCut: characters.length > MAX_ENDING - 1,
  };
}

/** A word of a query. A name has it where one word of the name has `pattern` once its starts are marked. */
export interface QueryWord {
  readonly text: string;
  /** What `markStarts` of a name holds where the name has the word, and only there. */
  readonly pattern: string;
  /** Grams that every word has which has this one; some of them, of a long word. */
  readonly grams: readonly string[];
  /** Whether having one of `grams` says all: so it is with words of one or two characters. */
  readonly isGram: boolean;
}

/** What a query asks of a name: all of its words. */
export interface NameQuery {
  readonly normalised: string;
  /** The longest first. */
  readonly words: readonly QueryWord[];
}

/** Reads a query; null where it has nothing that could be found. */
export function parseNameQuery(query: string): NameQuery | null {
  const normalised = normaliseName(query);
  if (normalised === '') return null;
  const words = [...new Set(normalised.split(' '))].map(toQueryWord);
  return { normalised, words: words.sort((a, b) => b.text.length - a.text.length) };
}

function toQueryWord(text: string): QueryWord {
  const characters = Array.from(text);
  const inner = characters
    .map((each, at) => (at > 0 && startsWord(characters, at) ? MARK : '') + each)
    .join('');
  if (characters.length >= 3) {
    const grams = characters.slice(2).map((_, at) => characters.slice(at, at + 3).join(''));
    return { text, pattern: inner, grams: spread([...new Set(grams)]), isGram: false };
  }
  const isAnywhere = characters.length === 2 && isWithoutSpaces(text);
  return {
    text,
    pattern: isAnywhere ? inner : MARK + inner,
    grams: [isAnywhere ? text : START + text],
    isGram: true,
  };
}

/** A few of many, from all over, the first and the last among them. */
function spread(grams: readonly string[]): string[] {
  if (grams.length <= MAX_GRAMS_OF_WORD) return [...grams];
  const step = (grams.length - 1) / (MAX_GRAMS_OF_WORD - 1);
  return Array.from({ length: MAX_GRAMS_OF_WORD }, (_, at) => grams[Math.round(at * step)] ?? '');
}

/** A normalised name with a mark wherever a word starts, so that looking for a text tells starts of words from what is inside. */
export function markStarts(normalised: string): string {
  return normalised
    .split(' ')
    .map((word) =>
      PLAIN_WORD.test(word)
        ? MARK + word
        : Array.from(word)
            .map((each, at, characters) => (startsWord(characters, at) ? MARK : '') + each)
            .join(''),
    )
    .join(' ');
}

/** The normalised name of which `marked` was made. */
export function unmark(marked: string): string {
  return marked.replaceAll(MARK, '');
}

/** Whether a name, with its starts marked, has every word of the query. */
export function hasWords(marked: string, words: readonly QueryWord[]): boolean {
  return words.every(({ pattern }) => marked.includes(pattern));
}

/** The first text, by code point, behind all that begin with `prefix`; null where there is none. */
export function afterPrefix(prefix: string): string | null {
  const characters = Array.from(prefix);
  for (let last = characters.pop(); last !== undefined; last = characters.pop()) {
    const code = last.codePointAt(0) ?? 0;
    if (code >= 0x10ffff) continue;
    // What UTF-16 keeps for itself is no character.
    return characters.join('') + String.fromCodePoint(code === 0xd7ff ? 0xe000 : code + 1);
  }
  return null;
}

/** A word starts after a blank, and after or at a character that is neither letter nor digit: `AC/DC`, `(Live)`, `100%`. */
function startsWord(characters: readonly string[], at: number): boolean {
  const before = characters[at - 1];
  const here = characters[at];
  return (
    before === undefined ||
    !LETTER_OR_DIGIT.test(before) ||
    (here !== undefined && !LETTER_OR_DIGIT.test(here))
  );
}

function isWithoutSpaces(text: string): boolean {
  return WITHOUT_SPACES.test(text);
}
