import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isrcAt } from '../lib/catalogue';
import { applyLoad, drawTracks } from '../lib/load';
import type { Measure } from '../lib/report';
import { interleave } from '../lib/rounds';
import { figure, median, spread } from '../lib/statistics';

const KEYS = 5_000;

/** Whether a client that has the track already costs less than one that has not. */
export const conditional: Measure = {
  name: 'conditional',
  title: '304 by If-None-Match against 200',
  async run(context) {
    const { world, seconds } = context;
    const server = await world.startService();
    const headers = { authorization: `Bearer ${world.token}` };
    const paths = drawTracks('zipf', world.tracks, KEYS).map((n) => `/v1/tracks/${isrcAt(n)}`);
    const tags = new Map<string, string>();
    for (const path of paths) {
      if (tags.has(path)) continue;
      const response = await fetch(server.url + path, { headers });
      await response.arrayBuffer();
      tags.set(path, response.headers.get('etag') ?? '');
    }
    const [path = '', tag = ''] = [...tags][0] ?? [];
    const again = await fetch(server.url + path, { headers: { ...headers, 'if-none-match': tag } });
    if (again.status !== 304) throw new Error(`If-None-Match: ${tag} is answered by ${again.status}`);

    const write = (name: string, lines: readonly string[]) => {
      const file = join(world.folder, name);
      writeFileSync(file, lines.join('\n') + '\n');
      return file;
    };
    const contenders = [
      { title: '200, whole body', calls: write('plain.txt', paths) },
      { title: '304, no body', calls: write('conditional.txt', paths.map((each) => `${each}\t${tags.get(each) ?? ''}`)) },
    ]; // prettier-ignore
    const found = await interleave(
      context,
      contenders,
      ({ calls }) => applyLoad({ url: server.url, token: world.token, calls, seconds }),
      ({ perSecond }) => `${figure(perSecond)} req/s`,
    );
    await server.stop();
    const [whole = NaN] = contenders.map((each) =>
      median(found.get(each)?.map((load) => load.perSecond) ?? []),
    );
    return {
      tables: [
        {
          title: `The same ${tags.size.toLocaleString('en-US')} keys, one process`,
          columns: ['answer', 'req/s (least-greatest)', 'p99 ms', '/ 200'],
          rows: contenders.map((contender) => {
            const loads = found.get(contender) ?? [];
            const rates = loads.map(({ perSecond }) => perSecond);
            return [
              contender.title,
              spread(rates),
              figure(median(loads.map(({ p99Ms }) => p99Ms))),
              figure(median(rates) / whole),
            ];
          }),
        },
      ],
      plots: [],
      remarks: [],
    };
  },
};
