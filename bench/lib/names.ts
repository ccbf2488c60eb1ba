import { hash, zipf } from './random';

/**
 * Names of artists, albums and tracks, made up. Words follow Zipf's law, as in real catalogues: a few (`the`, `love`) are
 * nearly everywhere, most are rare. Some names have accents, some no spaces at all.
 */

const COMMON = (
  'the love of and you me my in to a night heart on blue world it live time for black day with dance fire dream ' +
  'red girl boy no home way light life baby moon all river summer gold king street star rain good wild dark young ' +
  'soul house city high new old lost sun rose sweet stone eyes road white rock sky little big band brothers sons ' +
  'electric silver paper ghost winter ocean broken velvet kids wolf machine club orchestra trio quartet sound'
).split(' ');
const ONSETS = 'b br c ch d dr f fl g gr h j k kl l m n p pr qu r s sh st t tr v w z'.split(' ');
const VOWELS = 'a e i o u a e i o u a e i o u ai ea io ou ö é ü å ñi'.split(' ');
const CODAS = ['', '', '', 'n', 'r', 's', 'l', 'm', 'nd', 'rt', 'x', 'ck'];
const KANA = Array.from(
  'アイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン',
);
const KANJI = Array.from('宇多田光東京夜空花音楽夢海月星風雪春夏秋冬愛心声歌千年恋桜桃雨虹朝');
const WORDS = 60_000;

const words: string[] = [];

/** The n-th word, the most frequent first. */
function wordAt(n: number): string {
  return (words[n] ??= COMMON[n] ?? coin(n));
}

function coin(n: number): string {
  const syllables = 1 + (hash(11, n) % 3);
  let text = '';
  for (let at = 0; at < syllables; at += 1) {
    const dice = hash(12, n, at);
    text +=
      pick(ONSETS, dice) + pick(VOWELS, dice >>> 8) + (at === syllables - 1 ? pick(CODAS, dice >>> 16) : '');
  }
  return text;
}

function pick<T>(from: readonly T[], dice: number): T {
  return from[dice % from.length] as T;
}

const capital = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);

function phrase(kind: number, n: number, length: number): string {
  const parts: string[] = [];
  for (let at = 0; at < length; at += 1) {
    parts.push(capital(wordAt(zipf(WORDS, hash(kind, n, at) / 2 ** 32))));
  }
  return parts.join(' ');
}

function withoutSpaces(kind: number, n: number): string {
  const length = 2 + (hash(kind, n, 91) % 5);
  const letters = hash(kind, n, 92) % 2 === 0 ? KANA : KANJI;
  return Array.from({ length }, (_, at) => pick(letters, hash(kind, n, 93, at))).join('');
}

/** The n-th artist's name. Names can coincide, as they do. */
export function artistName(n: number): string {
  const dice = hash(21, n) % 100;
  if (dice < 3) return withoutSpaces(21, n);
  if (dice < 15) return `The ${phrase(21, n, 1 + (dice % 2))}`;
  if (dice < 20) return `${phrase(21, n, 1)} & ${phrase(22, n, 1)}`;
  return phrase(21, n, 1 + (dice % 3));
}

export function albumTitle(n: number): string {
  return hash(31, n) % 100 < 3 ? withoutSpaces(31, n) : phrase(31, n, 1 + (hash(32, n) % 3));
}

export function trackTitle(n: number): string {
  const dice = hash(41, n) % 100;
  if (dice < 3) return withoutSpaces(41, n);
  const title = phrase(41, n, 1 + (dice % 4));
  if (dice < 9) return `${title} - Remastered ${1995 + (dice % 25)}`;
  if (dice < 14) return `${title} (Live)`;
  return title;
}
