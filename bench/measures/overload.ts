import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isrcAt } from '../lib/catalogue';
import { HttpClient } from '../lib/http-client';
import { applyLoad, drawTracks, type Load, loadGenerator, writeReads } from '../lib/load';
import type { RunningServer } from '../lib/processes';
import type { Context, Measure } from '../lib/report';
import { figure, median, percentile, spread } from '../lib/statistics';

const TIMES_CAPACITY = 3;
const PROBE_EVERY_MS = 100;
const CALL_TIMEOUT_MS = 10_000;
const LOOKUP = '/v1/tracks/lookup';
const ISRCS = 500;

interface Work {
  readonly title: string;
  readonly calls: string;
  readonly postTo?: string;
  /** Callers at peak, and callers at three times capacity; these wait between calls so as to offer that much. */
  readonly connections: number;
  readonly crowd: number;
}

/** What somebody else notices meanwhile. */
interface Probes {
  readonly liveMs: number[];
  readonly readyMs: number[];
  failures: number;
  refusals: number;
  withoutRetryAfter: number;
}

/** Whether a service that is asked for three times what it can do still does what it can. */
export const overload: Measure = {
  name: 'overload',
  title: 'Goodput at three times capacity',
  async run(context) {
    if ((await loadGenerator()) !== 'wrk') {
      return { tables: [], plots: [], remarks: ['Not measured: it needs wrk, whose connections can wait between calls.'] };
    } // prettier-ignore
    const { world } = context;
    const lookups = join(world.folder, 'overload-lookups.txt');
    writeFileSync(
      lookups,
      Array.from({ length: 100 }, (_, seed) =>
        JSON.stringify({ isrcs: drawTracks('uniform', world.tracks, ISRCS, 500 + seed).map(isrcAt) }),
      ).join('\n') + '\n',
    );
    const works: Work[] = [
      { title: 'reads by ISRC', calls: writeReads(join(world.folder, 'overload-reads.txt'), 'zipf', world.tracks), connections: 64, crowd: 3_000 },
      { title: `lookups of ${ISRCS}`, calls: lookups, postTo: LOOKUP, connections: 16, crowd: 1_500 },
    ]; // prettier-ignore
    const rows: string[][] = [];
    for (const work of works) rows.push(...(await measure(context, work)));
    return {
      tables: [
        {
          title: 'One process; rates of answers below 400, and of 503, in a second',
          columns: ['work', 'callers', 'good/s', '/ peak', '503/s', 'p99 ms', 'live p99 ms', 'ready p99 ms', 'probes failed', '503 without Retry-After'],
          rows,
        },
      ], // prettier-ignore
      plots: [],
      remarks: [
        `At ${TIMES_CAPACITY} × capacity, callers wait between calls so that they offer that much as long as answers come at once.`,
      ],
    };
  },
};

async function measure({ world, rounds, seconds, say }: Context, work: Work): Promise<string[][]> {
  const server = await world.startService();
  const apply = (connections: number, delayMs: number) =>
    applyLoad({
      url: server.url,
      token: world.token,
      calls: work.calls,
      // A round in which most callers still wait for their first turn would show no flood.
      seconds: Math.max(seconds, Math.ceil((3 * delayMs) / 1000)),
      connections,
      delayMs,
      ...(work.postTo === undefined ? {} : { postTo: work.postTo }),
    });
  await apply(work.connections, 0);
  const peaks: Load[] = [];
  const floods: Load[] = [];
  const atPeak = newProbes();
  const inFlood = newProbes();
  for (let round = 0; round < rounds; round += 1) {
    const peak = await withProbes(server, work, world.token, atPeak, () => apply(work.connections, 0));
    peaks.push(peak);
    const delayMs = (1000 * work.crowd) / (TIMES_CAPACITY * median(peaks.map(({ perSecond }) => perSecond)));
    const flood = await withProbes(server, work, world.token, inFlood, () => apply(work.crowd, delayMs));
    floods.push(flood);
    say(
      `  round ${round + 1}/${rounds}  ${work.title}: peak ${figure(peak.perSecond)}/s, flooded ${figure(flood.perSecond)}/s and ${figure(flood.refusedPerSecond)} refused`,
    );
    await sleep(1000);
  }
  await server.stop();
  const capacity = median(peaks.map(({ perSecond }) => perSecond));
  const row = (title: string, callers: number, loads: readonly Load[], probes: Probes) => {
    const good = loads.map(({ perSecond }) => perSecond);
    return [
      title,
      String(callers),
      spread(good),
      figure(median(good) / capacity),
      figure(median(loads.map(({ refusedPerSecond }) => refusedPerSecond))),
      figure(median(loads.map(({ p99Ms }) => p99Ms))),
      figure(percentile(probes.liveMs, 99)),
      figure(percentile(probes.readyMs, 99)),
      String(probes.failures),
      `${probes.withoutRetryAfter} of ${probes.refusals}`,
    ];
  };
  return [
    row(`${work.title}, peak`, work.connections, peaks, atPeak),
    row(`${work.title}, ${TIMES_CAPACITY} × capacity`, work.crowd, floods, inFlood),
  ];
}

function newProbes(): Probes {
  return { liveMs: [], readyMs: [], failures: 0, refusals: 0, withoutRetryAfter: 0 };
}

/** Asks for health, and makes the same call as the others, while `work` goes on. */
async function withProbes<T>(
  server: RunningServer,
  { calls, postTo }: Work,
  token: string,
  probes: Probes,
  work: () => Promise<T>,
): Promise<T> {
  let isOver = false;
  const probe = async (path: string, times: number[]) => {
    const client = new HttpClient(server.url, token);
    while (!isOver) {
      await client.get(path).then(
        ({ ms }) => times.push(ms),
        () => (probes.failures += 1),
      );
      await sleep(PROBE_EVERY_MS);
    }
    client.close();
  };
  const sample = async () => {
    const [first = ''] = readFileSync(calls, 'utf8').split('\n', 1);
    const authorization = `Bearer ${token}`;
    const path = postTo ?? first;
    const call: RequestInit =
      postTo === undefined
        ? { headers: { authorization } }
        : { method: 'POST', headers: { authorization, 'content-type': 'application/json' }, body: first };
    while (!isOver) {
      const signal = AbortSignal.timeout(CALL_TIMEOUT_MS);
      const response = await fetch(server.url + path, { ...call, signal }).catch(() => null);
      if (response?.status === 503) {
        probes.refusals += 1;
        if (!response.headers.has('retry-after')) probes.withoutRetryAfter += 1;
      }
      await response?.arrayBuffer().catch(() => null);
      await sleep(PROBE_EVERY_MS);
    }
  };
  const watching = Promise.all([
    probe('/health/live', probes.liveMs),
    probe('/health/ready', probes.readyMs),
    sample(),
  ]);
  try {
    return await work();
  } finally {
    isOver = true;
    await watching;
  }
}
