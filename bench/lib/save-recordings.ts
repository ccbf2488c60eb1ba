/**
 * A process of its own: `save-recordings.ts FROM TO [TIMES]` stores these recordings through the service's own bulk path,
 * on the database of `DATABASE_URL`, and prints the seconds that each time took as JSON. The code is the built one.
 */
import { withTracks } from './built-service';
import { recordingAt } from './catalogue';

const AT_ONCE = 2_000;

const [from = '0', to = '0', times = '1'] = process.argv.slice(2);

void withTracks(async (tracks) => {
  const seconds: number[] = [];
  for (let time = 0; time < Number(times); time += 1) {
    let passed = 0;
    for (let n = Number(from); n < Number(to); n += AT_ONCE) {
      const count = Math.min(AT_ONCE, Number(to) - n);
      const recordings = Array.from({ length: count }, (_, at) => recordingAt(n + at));
      const startedAt = performance.now();
      await tracks.saveRecordings(recordings, { onlyIfStored: false });
      passed += performance.now() - startedAt;
    }
    seconds.push(passed / 1000);
  }
  console.log(JSON.stringify(seconds));
});
