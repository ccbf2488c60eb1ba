import assert from 'node:assert';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isrcAt, recordingAt } from '../lib/catalogue';
import { applyLoad, drawTracks } from '../lib/load';
import type { Measure } from '../lib/report';
import { interleave } from '../lib/rounds';
import { figure, median, spread } from '../lib/statistics';
import { viewOf } from '../lib/view';

const ISRCS = 500;
const BODIES = 200;
const CONNECTIONS = 16;
const PATH = '/v1/tracks/lookup';

/** Many tracks by one call, against the bare driver. */
export const lookup: Measure = {
  name: 'lookup',
  title: `POST ${PATH}, ${ISRCS} ISRCs`,
  async run(context) {
    const { world, seconds } = context;
    const bodies = Array.from({ length: BODIES }, (_, seed) =>
      JSON.stringify({ isrcs: drawTracks('uniform', world.tracks, ISRCS, 100 + seed).map(isrcAt) }),
    );
    const calls = join(world.folder, 'lookups.txt');
    writeFileSync(calls, bodies.join('\n') + '\n');
    const contenders = [
      { title: 'Deadwax', isOurs: true, server: await world.startService() },
      { title: 'bare driver: documents parsed, JSON.stringify', isOurs: false, server: await world.startPeer('lookup-document') },
      { title: 'bare driver: join, JSON.stringify', isOurs: false, server: await world.startPeer('lookup-join') },
    ]; // prettier-ignore
    for (const { title, server } of contenders) {
      const recording = recordingAt(5);
      const response = await fetch(server.url + PATH, {
        method: 'POST',
        headers: { authorization: `Bearer ${world.token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ isrcs: [recording.isrc] }),
      });
      const track: unknown = JSON.parse(JSON.stringify(viewOf(recording)));
      const { isrc } = recording;
      assert.deepStrictEqual(
        await response.json(),
        { results: [{ input: isrc, isrc, status: 'found', track }] },
        `${title}: another answer`,
      );
    }
    const found = await interleave(
      context,
      contenders,
      ({ server }) =>
        applyLoad({ url: server.url, token: world.token, calls, seconds, connections: CONNECTIONS, postTo: PATH }),
      ({ perSecond }) => `${figure(perSecond)} calls/s`,
    ); // prettier-ignore
    await Promise.all(contenders.map(({ server }) => server.stop()));
    const rates = contenders.map((each) => found.get(each)?.map((load) => load.perSecond) ?? []);
    const ours = median(rates[0] ?? []);
    return {
      tables: [
        {
          title: `${CONNECTIONS} connections, one process`,
          columns: ['server', 'calls/s (least-greatest)', 'tracks/s', 'p50 ms', 'p99 ms', 'Deadwax / this'],
          rows: contenders.map((contender, at) => {
            const loads = found.get(contender) ?? [];
            return [
              contender.title,
              spread(rates[at] ?? []),
              figure(median(rates[at] ?? []) * ISRCS),
              figure(median(loads.map(({ p50Ms }) => p50Ms))),
              figure(median(loads.map(({ p99Ms }) => p99Ms))),
              figure(ours / median(rates[at] ?? [])),
            ];
          }),
        },
      ],
      plots: [],
      remarks: [],
    };
  },
};
