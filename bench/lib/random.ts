/** Numbers that look random and depend on nothing but their arguments: what has a number can be made in any order. */

/** A hash of whole numbers, 0 to 2^32 - 1 (the finisher of MurmurHash3, after each part). */
export function hash(...parts: readonly number[]): number {
  let state = 0x9e3779b9;
  for (const part of parts) {
    state = Math.imul(state ^ part, 0x85ebca6b);
    state = Math.imul(state ^ (state >>> 13), 0xc2b2ae35);
    state ^= state >>> 16;
  }
  return state >>> 0;
}

/** A sequence of numbers from 0 up to, not including, 1 (mulberry32). */
export function randomSequence(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Draws from 0 up to `count` - 1 by Zipf's law with exponent 1: item n is drawn in proportion to 1 / (n + 1). Inverse of
 * the harmonic sum by its logarithm, which is exact enough from a hundred items on.
 */
export function zipf(count: number, random: number): number {
  return Math.min(count - 1, Math.floor((count + 1) ** random) - 1);
}
