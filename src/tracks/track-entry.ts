import { TrackWord } from './entities/track-word.entity';
import { markStarts, unmark } from './name-search';

/** As long as the column; artists beyond that, dozens of them, are shown, but no track is found by them. */
const MAX_CHARACTERS = 8_000;
const LINE = '\n'; // no normalised name has one
const RANK_DIGITS = 3;

/** The `word` of the list that all tracks are in. */
export const ALL_TRACKS = '';

/** What tracks are found by: the kind of a word is the first letter of its key. */
export type WordKind = 't' | 'a';

/** A track as the name index has it. Pure, like all here. */
export interface TrackEntry {
  readonly isrc: string;
  readonly sortRank: number;
  /** Normalised. */
  readonly title: string;
  /** Normalised. */
  readonly artists: readonly string[];
}

/** Where a track stands in lists of tracks. */
export function placeOf({ isrc, sortRank }: { isrc: string; sortRank: number }): string {
  return String(sortRank).padStart(RANK_DIGITS, '0') + isrc;
}

/** The track that stands at a place. */
export function trackAt(place: string): { isrc: string; sortRank: number } {
  return { isrc: place.slice(RANK_DIGITS), sortRank: Number(place.slice(0, RANK_DIGITS)) };
}

/** The rows of a track in the lists: that of all tracks first, then one for each word. */
export function toWordRows(entry: TrackEntry): TrackWord[] {
  const title = markStarts(entry.title);
  const lines: string[] = [];
  let length = 0;
  for (const name of new Set(entry.artists)) {
    const line = markStarts(name);
    length += line.length + 1;
    if (length > MAX_CHARACTERS) break;
    lines.push(line);
  }
  return rowsOf(placeOf(entry), title, lines.join(LINE));
}

/** All rows of a track, told from the one in the list of all tracks. */
export function fromListRow({ place, title, artists }: TrackWord): TrackWord[] {
  return rowsOf(place, title ?? '', artists ?? '');
}

function rowsOf(place: string, title: string, artists: string): TrackWord[] {
  return [
    { word: ALL_TRACKS, place, title, artists },
    ...wordsOf('t', title).map((word) => ({ word, place, title, artists: null })),
    ...wordsOf('a', artists).map((word) => ({ word, place, title: null, artists })),
  ];
}

/** The keys of the words of a text. */
function wordsOf(kind: WordKind, text: string): string[] {
  const words = unmark(text).split(/[ \n]/);
  return [...new Set(words)].filter((word) => word !== '').map((word) => kind + word);
}

/** The word that a key in `track_word` stands for. */
export function wordOfKey(key: string): string {
  return key.slice(1);
}

/** The names in `artists` of a row, their starts marked. */
export function linesOf(artists: string): string[] {
  return artists.split(LINE);
}
