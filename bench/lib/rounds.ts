import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from './report';

const PAUSE_MS = 300;

/**
 * Measures contenders in turn, round by round, so that whatever else the machine does meets all of them; each round begins
 * with another one.
 * @returns what was found of each contender, in the order of rounds
 */
export async function interleave<C extends { readonly title: string }, R>(
  { rounds, say }: Context,
  contenders: readonly C[],
  measure: (contender: C) => Promise<R>,
  describe: (result: R) => string,
): Promise<Map<C, R[]>> {
  const found = new Map<C, R[]>(contenders.map((contender) => [contender, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (let turn = 0; turn < contenders.length; turn += 1) {
      const contender = contenders[(turn + round) % contenders.length];
      if (contender === undefined) continue;
      const result = await measure(contender);
      found.get(contender)?.push(result);
      say(`  round ${round + 1}/${rounds}  ${contender.title}: ${describe(result)}`);
      await sleep(PAUSE_MS);
    }
  }
  return found;
}
