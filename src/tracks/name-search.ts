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
 * two characters of Japanese or Chinese anywhere.
 */

/** As long as the column; what is beyond is shown, but not searched. */
const MAX_NORMALISED = 500;
/** More words than this narrow nothing down any more: every name that has them is checked in full anyway. */
const MAX_DRIVING_GRAMS = 6;
const START = '^';

/** Letters that keep no accent to strip: their usual spelling without one. */
const SPELLED_OUT: Readonly<Record<string, string>> = {
  ß: 'ss', æ: 'ae', œ: 'oe', ø: 'o', ł: 'l', đ: 'd', ð: 'd', þ: 'th', ħ: 'h', ı: 'i', ŧ: 't', ς: 'σ',
  '’': "'", '‘': "'", 'ʼ': "'", '“': '"', '”': '"', '‐': '-', '‑': '-', '–': '-', '—': '-', '−': '-',
}; // prettier-ignore
const SPELLED_OUT_PATTERN = new RegExp(`[${Object.keys(SPELLED_OUT).join('')}]`, 'gu');

/** Accents of Latin, Greek and Cyrillic; marks that are letters of their own (kana voicing, Indic vowels) stay. */
const ACCENTS = /[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]/gu;
const BLANKS = /[\p{White_Space}\p{Cc}\p{Cf}\p{Cs}]+/gu;
const LETTER_OR_DIGIT = /[\p{L}\p{N}\p{M}]/u;
const WITHOUT_SPACES =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}ー]/u;

/** A name without what does not matter in a search: case, accents, width, kind and number of blanks. */
export function normaliseName(name: string): string {
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

/** What a query asks of a name: all of `grams` in the index, and all of `parts` within the normalised name. */
export interface NameQuery {
  readonly normalised: string;
  readonly grams: readonly string[];
  readonly parts: readonly string[];
}

/** Reads a query; null where it has nothing that could be found. */
export function parseNameQuery(query: string): NameQuery | null {
  const normalised = normaliseName(query);
  if (normalised === '') return null;
  const words = [...new Set(normalised.split(' '))].map((word) => Array.from(word));
  const short = words.filter((word) => word.length < 3).map(gramOfShortWord);
  const long = words.filter((word) => word.length >= 3).sort((a, b) => b.length - a.length);
  // Short words are decided by their gram alone; of long ones, which are checked in full, a few grams drive the search.
  const driving = long
    .flatMap((word) => [word.slice(0, 3).join(''), word.slice(-3).join('')])
    .slice(0, MAX_DRIVING_GRAMS);
  return {
    normalised,
    grams: [...new Set([...driving, ...short])],
    parts: long.map((word) => word.join('')),
  };
}

function gramOfShortWord(word: readonly string[]): string {
  const text = word.join('');
  return word.length === 2 && isWithoutSpaces(text) ? text : START + text;
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
