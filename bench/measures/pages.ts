import { HttpClient } from '../lib/http-client';
import type { Measure } from '../lib/report';
import { interleave } from '../lib/rounds';
import { figure, median, percentile } from '../lib/statistics';

const LIMIT = 50;
const CALLS = 200;
/** The typical app takes seconds for a page that is far down. */
const CALLS_TYPICAL = 5;

/** Whether a page far down the list costs more than the first one. */
export const pages: Measure = {
  name: 'pages',
  title: 'The list of tracks, page by page',
  async run(context) {
    const { world } = context;
    const far = Math.min(1_000, Math.floor(world.tracks / LIMIT));
    const service = await world.startService();
    const ours = new HttpClient(service.url, world.token);
    const first = `/v1/tracks?limit=${LIMIT}`;
    let last = first;
    for (let page = 1; page < far; page += 1) {
      const { nextCursor } = JSON.parse((await ours.get(last)).body) as { nextCursor: string };
      last = `${first}&cursor=${encodeURIComponent(nextCursor)}`;
    }
    const nest = await world.startPeer('nest');
    const typical = new HttpClient(nest.url, world.token);
    const farTitle = `page ${far.toLocaleString('en-US')}`;
    const contenders = [
      { title: 'Deadwax, page 1', client: ours, path: first, calls: CALLS },
      { title: `Deadwax, ${farTitle}`, client: ours, path: last, calls: CALLS },
      { title: 'typical Nest (skip, take), page 1', client: typical, path: '/v1/tracks?page=1', calls: CALLS_TYPICAL },
      { title: `typical Nest (skip, take), ${farTitle}`, client: typical, path: `/v1/tracks?page=${far}`, calls: CALLS_TYPICAL },
    ]; // prettier-ignore
    for (const { client, path } of contenders) await client.get(path);
    const found = await interleave(
      context,
      contenders,
      async ({ client, path, calls }) => {
        const times: number[] = [];
        for (let call = 0; call < calls; call += 1) times.push((await client.get(path)).ms);
        return times;
      },
      (times) => `p50 ${figure(median(times))} ms`,
    );
    ours.close();
    typical.close();
    await Promise.all([service.stop(), nest.stop()]);
    const middle = contenders.map((each) => median(found.get(each)?.flat() ?? []));
    return {
      tables: [
        {
          title: `Pages of ${LIMIT}, one caller at a time`,
          columns: ['page', 'p50 ms', 'p99 ms', '/ its page 1'],
          rows: contenders.map((contender, at) => [
            contender.title,
            figure(middle[at] ?? NaN),
            figure(percentile(found.get(contender)?.flat() ?? [], 99)),
            figure((middle[at] ?? NaN) / (middle[at - (at % 2)] ?? NaN)),
          ]),
        },
      ],
      plots: [],
      remarks: [],
    };
  },
};
