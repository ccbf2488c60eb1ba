import { hasReached } from './write-counts';

const counts = (...each: number[]) => new Map(each.map((count, row) => [row, BigInt(count)]));

it.each([
  ['nothing was ever written', [], [], true],
  ['both have the same', [3, 1], [3, 1], true],
  ['it has more', [3, 2, 1], [3, 1], true],
  ['it lacks one', [3, 1], [3, 2], false],
  ['it lacks one, and has another that the writer had not yet', [4, 1], [3, 2], false],
  ['it has not heard of a row', [3], [3, 1], false],
])('tells where %s', (_case, there, due, hasAll) => {
  expect(hasReached(counts(...there), counts(...due))).toBe(hasAll);
});
