import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { applyLoad, writeReads } from '../lib/load';
import { type CpuProfile, timeByFunction, timeByGroup, timeByOwner } from '../lib/cpu-profile';
import type { Measure } from '../lib/report';
import { figure } from '../lib/statistics';

const WARM_UP_SECONDS = 3;
const FUNCTIONS = 25;

/** Where the time of the hot read goes. */
export const profile: Measure = {
  name: 'profile',
  title: 'Where the time of a read goes',
  async run({ world, seconds }) {
    const folder = world.makeFolder('profiles');
    const server = await world.startService({
      nodeOptions: ['--cpu-prof', `--cpu-prof-dir=${folder}`, '--cpu-prof-interval=200'],
    });
    const calls = writeReads(join(world.folder, 'profile-reads.txt'), 'zipf', world.tracks);
    const load = (length: number) =>
      applyLoad({ url: server.url, token: world.token, calls, seconds: length });
    await load(WARM_UP_SECONDS);
    const fromUs = microseconds();
    const { perSecond } = await load(seconds);
    const toUs = microseconds();
    await server.stop();
    const file = readdirSync(folder).find((name) => name.endsWith('.cpuprofile'));
    if (file === undefined) throw new Error('the service left no profile');
    const recorded = JSON.parse(readFileSync(join(folder, file), 'utf8')) as CpuProfile;
    const groups = timeByGroup(recorded, fromUs, toUs);
    const busy = [...groups.values()].reduce((sum, time) => sum + time, 0);
    const perCall = (time: number) => figure(time / (perSecond * seconds));
    const share = (time: number) => `${((100 * time) / busy).toFixed(1)} %`;
    const sorted = (times: ReadonlyMap<string, number>) => [...times].sort(([, a], [, b]) => b - a);
    return {
      tables: [
        {
          title: `Own time by part, under the profiler (${figure(perSecond)} req/s, busy ${((100 * busy) / (toUs - fromUs)).toFixed(0)} %)`,
          columns: ['part', 'share', 'µs a read'],
          rows: sorted(groups)
            .filter(([, time]) => time / busy >= 0.005)
            .map(([name, time]) => [name, share(time), perCall(time)]),
        },
        {
          title: 'The same time by our file that is nearest on the stack',
          columns: ['on behalf of', 'share', 'µs a read'],
          rows: sorted(timeByOwner(recorded, fromUs, toUs))
            .filter(([, time]) => time / busy >= 0.01)
            .map(([name, time]) => [name, share(time), perCall(time)]),
        },
        {
          title: 'The functions with the most own time',
          columns: ['function', 'share', 'µs a read'],
          rows: sorted(timeByFunction(recorded, fromUs, toUs))
            .slice(0, FUNCTIONS)
            .map(([name, time]) => [`\`${name}\``, share(time), perCall(time)]),
        },
      ],
      plots: [],
      remarks: [],
    };
  },
};

/** The clock that profiles are written by. */
function microseconds(): number {
  return Number(process.hrtime.bigint() / 1000n);
}
