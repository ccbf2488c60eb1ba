import { ImportIntake } from './import-intake';
import type { ImportsRepository } from './imports.repository';
import type { FileRow } from './intake/file-row';

const WISH = { id: 'imp_1', shouldRefresh: false, createdBy: 'x' };

/** A repository that counts. */
function counting() {
  const seen = { begun: 0, rows: 0, accepted: 0, dropped: 0, largest: 0 };
  const repository = {
    begin: () => Promise.resolve(void (seen.begun += 1)),
    addRows: (_: string, rows: unknown[]) => {
      seen.rows += rows.length;
      seen.largest = Math.max(seen.largest, rows.length);
      return Promise.resolve();
    },
    touch: () => Promise.resolve(true),
    accept: () => Promise.resolve((seen.accepted += 1) > 0),
    drop: () => Promise.resolve(void (seen.dropped += 1)),
  };
  return { seen, intake: new ImportIntake(repository as unknown as ImportsRepository) };
}

async function* rowsOf(count: number): AsyncGenerator<FileRow[]> {
  for (let line = 1; line <= count; line += 1000) {
    yield Array.from({ length: Math.min(1000, count - line + 1) }, (_, at) => ({
      line: line + at,
      input: `USABC${String(line + at).padStart(7, '0')}`,
    }));
  }
  await Promise.resolve();
}

const accept = () => Promise.resolve();

it('takes a million rows in small batches, and not one more', async () => {
  const { seen, intake } = counting();
  await expect(intake.receive(rowsOf(1_000_001), WISH, accept)).rejects.toMatchObject({
    slug: 'payload-too-large',
  });
  expect(seen).toMatchObject({ begun: 1, rows: 1_000_000, accepted: 0, dropped: 1 });
  expect(seen.largest).toBeLessThanOrEqual(1000);
  const whole = counting();
  await whole.intake.receive(rowsOf(10_000), WISH, accept);
  expect(whole.seen).toMatchObject({ begun: 1, rows: 10_000, accepted: 1, dropped: 0 });
}, 60_000);

it('keeps nothing of an upload that breaks off', async () => {
  const { seen, intake } = counting();
  const broken = async function* (): AsyncGenerator<FileRow[]> {
    yield* rowsOf(5000);
    throw new Error('gone');
  };
  await expect(intake.receive(broken(), WISH, accept)).rejects.toThrow('gone');
  expect(seen).toMatchObject({ accepted: 0, dropped: 1 });
});
