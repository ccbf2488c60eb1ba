import { normaliseName } from '../../src/tracks/name-search';
import { artistName, trackTitle } from '../lib/names';
import { randomSequence } from '../lib/random';

/** Queries of the kinds that people type, made from the names that are there; the same ones in each run. */
export interface Shapes {
  /** By the kind of query, what makes the next one. */
  readonly ofArtists: Readonly<Record<string, () => string>>;
  readonly ofTitles: Readonly<Record<string, () => string>>;
}

const COMMON = ['love', 'night', 'heart', 'blue', 'world', 'time'];
const LESS_COMMON = ['machine', 'orchestra', 'club', 'wolf', 'kids', 'trio'];

export function shapesOf(artists: number, tracks: number): Shapes {
  const random = randomSequence(5);
  const below = (count: number) => Math.floor(random() * count);
  const shapes = (nameAt: (n: number) => string, count: number): Record<string, () => string> => {
    const words = () => normaliseName(nameAt(below(count))).split(' ');
    /** Letters `from` to `to` of a word that has at least as many. */
    const part = (from: number, to: number): string => {
      for (;;) {
        const all = words();
        const letters = Array.from(all[below(all.length)] ?? '');
        if (letters.length >= to) return letters.slice(from, to).join('');
      }
    };
    return {
      'word prefix, 1-2 letters': () => part(0, 1 + below(2)),
      'word prefix, 3': () => part(0, 3),
      'word prefix, 5 and more': () => part(0, 5 + below(3)),
      'full name': () => words().join(' '),
      'two words': () => {
        for (;;) {
          const all = words();
          if (all.length > 1) return all.slice(0, 2).reverse().join(' ');
        }
      },
      '`the` and a prefix': () => `the ${part(0, 1 + below(4))}`,
      'two single letters': () => `${part(0, 1)} ${part(0, 1)}`,
      'two common words': () => `${COMMON[below(6)] ?? ''} ${LESS_COMMON[below(6)] ?? ''}`,
      'inside a word, 3 letters': () => part(1, 4),
      'inside a word, 4-5': () => part(1, 5 + below(2)),
      'no hit': () => `${part(0, 3)}qzx${below(9)}`,
      '200 characters': () =>
        Array.from({ length: 40 }, () => part(0, 1 + below(8))).join(' ').slice(0, 200).trim(), // prettier-ignore
    };
  };
  return { ofArtists: shapes(artistName, artists), ofTitles: shapes(trackTitle, tracks) };
}
