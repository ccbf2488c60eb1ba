import { availableParallelism } from 'node:os';

/** Tracks of one block share artists and albums: a block is never parted. */
const BLOCK = 100;

/** Parts of 0 … `tracks` for processes side by side. */
export function shardsOf(
  tracks: number,
  processes = Math.min(4, availableParallelism()),
): { from: number; to: number }[] {
  const each = Math.ceil(tracks / processes / BLOCK) * BLOCK;
  const shards = Array.from({ length: processes }, (_, at) => ({
    from: at * each,
    to: Math.min(tracks, (at + 1) * each),
  }));
  return shards.filter(({ from, to }) => from < to);
}
