import { setImmediate as loopTurn } from 'node:timers/promises';
import { CoalescedReads } from './coalesced-reads';

/** Reads that end when they are told to. */
function heldReads() {
  const calls: { keys: string[]; end: (error?: Error) => void }[] = [];
  const readMany = (keys: string[]) =>
    new Promise<ReadonlyMap<string, string>>((resolve, reject) => {
      const found = new Map(keys.filter((key) => key !== 'none').map((key) => [key, `value of ${key}`]));
      calls.push({
        keys,
        end: (error) => {
          if (error === undefined) resolve(found);
          else reject(error);
        },
      });
    });
  return { calls, readMany };
}

const LIMITS = { maxKeys: 3, maxRunning: 2 };

describe('CoalescedReads', () => {
  it('reads what one turn asks for together, each key once, and tells what is not there', async () => {
    const { calls, readMany } = heldReads();
    const reads = new CoalescedReads(readMany, LIMITS);
    const all = Promise.all(['a', 'none', 'a'].map((key) => reads.find(key)));
    await loopTurn();
    expect(calls.map(({ keys }) => keys)).toEqual([['a', 'none']]);
    calls[0]?.end();
    expect(await all).toEqual(['value of a', null, 'value of a']);
  });

  it('joins nobody to a read that has begun: it may not know what was committed since', async () => {
    const { calls, readMany } = heldReads();
    const reads = new CoalescedReads(readMany, LIMITS);
    const first = reads.find('a');
    await loopTurn();
    const second = reads.find('a');
    await loopTurn();
    expect(calls.map(({ keys }) => keys)).toEqual([['a'], ['a']]);
    for (const { end } of calls) end();
    expect(await Promise.all([first, second])).toEqual(['value of a', 'value of a']);
  });

  it('keeps to so many keys and so many reads at once, and reads the rest afterwards', async () => {
    const { calls, readMany } = heldReads();
    const reads = new CoalescedReads(readMany, LIMITS);
    const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    const all = Promise.all(keys.map((key) => reads.find(key)));
    await loopTurn();
    expect(calls.map((call) => call.keys)).toEqual([
      ['a', 'b', 'c'],
      ['d', 'e', 'f'],
    ]);
    calls[0]?.end();
    await loopTurn();
    expect(calls[2]?.keys).toEqual(['g']);
    for (const { end } of calls) end();
    expect(await all).toEqual(keys.map((key) => `value of ${key}`));
  });

  it('fails those alone whose read failed', async () => {
    const { calls, readMany } = heldReads();
    const reads = new CoalescedReads(readMany, { maxKeys: 1, maxRunning: 2 });
    const both = Promise.allSettled([reads.find('a'), reads.find('b')]);
    await loopTurn();
    calls[0]?.end(new Error('away'));
    calls[1]?.end();
    expect((await both).map(({ status }) => status)).toEqual(['rejected', 'fulfilled']);
    const again = reads.find('a');
    await loopTurn();
    calls[2]?.end();
    expect(await again).toBe('value of a');
  });
});
