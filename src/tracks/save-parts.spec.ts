import fc from 'fast-check';
import { anAlbum, anArtist, aRecording, isrcOf } from '../../test/builders/recording';
import type { Recording } from '../recording/recording';
import { saveInParts } from './save-parts';

/** A recording of artist and album `owner`, told as `name`, with so many rows. */
function recordingOf(n: number, owner: number, name = 'name', candidates = 1): Recording {
  const made = aRecording({
    isrc: isrcOf(n),
    artists: [anArtist(`${name} ${owner}`, `artist-${owner}`)],
    album: anAlbum({ id: `album-${owner}` }),
  });
  return { ...made, candidates: Array.from({ length: candidates }, () => made.chosen) };
}

/** Saves, each part for a turn or two of the loop; tells the parts in the order in which they began, and how many ran. */
async function run(recordings: readonly Recording[], atOnce: number, failsAt = Infinity) {
  const begun: (readonly Recording[])[] = [];
  const running = new Set<readonly Recording[]>();
  let most = 0;
  const check = (part: readonly Recording[]) => {
    for (const other of running) {
      const owners = new Set(other.map(({ chosen }) => chosen.album.id));
      expect(part.some(({ chosen }) => owners.has(chosen.album.id))).toBe(false);
    }
  };
  const saving = saveInParts(recordings, atOnce, async (part) => {
    check(part);
    begun.push(part);
    running.add(part);
    most = Math.max(most, running.size);
    const number = begun.length;
    for (let turn = 0; turn <= number % 3; turn++) await Promise.resolve();
    running.delete(part);
    if (number === failsAt) throw new Error(`part ${number}`);
  });
  const error = await saving.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(running.size).toBe(0);
  return { begun, most, error };
}

const large = (n: number, owner: number, name?: string) => recordingOf(n, owner, name, 900);

it('saves everything once, few at a time, nothing beside what has the same owners, with the end of one by one', async () => {
  const recording = fc
    .tuple(fc.nat(8), fc.nat(6), fc.constantFrom('one', 'other'), fc.constantFrom(1, 400, 1500))
    .map(([n, owner, name, rows]) => recordingOf(n, owner, name, rows));
  await fc.assert(
    fc.asyncProperty(
      fc.array(recording, { maxLength: 40 }),
      fc.integer({ min: 1, max: 4 }),
      async (all, atOnce) => {
        const { begun, most, error } = await run(all, atOnce);
        expect(error).toBeNull();
        expect(most).toBeLessThanOrEqual(atOnce);
        const saved = begun.flat();
        const lastOf = (list: readonly Recording[]) => ({
          tracks: Object.fromEntries(list.map((each) => [each.isrc, each])),
          owners: Object.fromEntries(list.map(({ chosen }) => [chosen.album.id, chosen.artists])),
        });
        expect(lastOf(saved)).toEqual(lastOf(all));
        expect(saved).toHaveLength(all.length);
        for (const part of begun) {
          expect(new Set(part.map(({ isrc }) => isrc)).size).toBe(part.length);
          const rows = part.reduce((sum, { candidates }) => sum + 4 + candidates.length, 0);
          expect(rows <= 1000 || part.length === 1).toBe(true);
        }
      },
    ),
    { numRuns: 300 },
  );
});

it('saves parts side by side that have nothing in common, ahead of those that would wait', async () => {
  const { begun, most } = await run([large(1, 1), large(2, 1), large(3, 2), large(4, 3)], 3);
  expect(most).toBe(3);
  expect(begun.map(([each]) => each?.isrc)).toEqual([1, 3, 4, 2].map(isrcOf));
});

it('lets nothing pass what tells otherwise of an owner that both have', async () => {
  const { begun } = await run([large(1, 1), large(2, 1, 'new'), large(3, 1, 'newer'), large(4, 2)], 3);
  expect(begun.map(([each]) => each?.isrc)).toEqual([1, 4, 2, 3].map(isrcOf));
});

it('begins nothing more after a failure, waits for what runs, and tells the failure', async () => {
  const parts = Array.from({ length: 9 }, (_, n) => large(n, n));
  const { begun, error } = await run(parts, 3, 2);
  expect(error).toEqual(new Error('part 2'));
  expect(begun.length).toBeLessThan(6);
});
