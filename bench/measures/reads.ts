import assert from 'node:assert';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { recordingAt } from '../lib/catalogue';
import { applyLoad, drawTracks, type KeyLaw, type Load, writeReads } from '../lib/load';
import type { RunningServer } from '../lib/processes';
import type { Context, Measure, Plot, Table } from '../lib/report';
import { interleave } from '../lib/rounds';
import { figure, median, spread } from '../lib/statistics';
import { viewOf } from '../lib/view';

interface Contender {
  readonly title: string;
  readonly isOurs: boolean;
  readonly server: RunningServer;
}

/** With the processor time that the server took for a call: that of its database and of whoever asks is not in it. */
interface Costed extends Load {
  readonly cpuUs: number;
}

const CEILING = 'raw node:http, constant body';
const TYPICAL = 'typical Nest: Express, TypeORM, class-serializer';
const OURS = 'Deadwax';
const SAMPLES = 20;
const WARM_UP_SECONDS = 2;

export const reads: Measure = {
  name: 'reads',
  title: 'GET /v1/tracks/{isrc}, one process',
  async run(context) {
    const { world } = context;
    const contenders: Contender[] = [
      { title: CEILING, isOurs: false, server: await world.startPeer('raw') },
      { title: OURS, isOurs: true, server: await world.startService() },
      {
        title: `${OURS}, without a log line a call`,
        isOurs: true,
        server: await world.startService({ settings: { LOG_LEVEL: 'warn' } }),
      },
      {
        title: 'Fastify + mysql2, stored document',
        isOurs: false,
        server: await world.startPeer('fastify-document'),
      },
      { title: 'Fastify + mysql2, join', isOurs: false, server: await world.startPeer('fastify-join') },
      {
        title: 'one file: Express + SQLite, 4 queries',
        isOurs: false,
        server: await world.startPeer('express-sqlite'),
      },
      { title: TYPICAL, isOurs: false, server: await world.startPeer('nest') },
    ];
    return compare(context, contenders, ['zipf', 'uniform'], 'reads');
  },
};

export const cores: Measure = {
  name: 'cores',
  title: 'GET /v1/tracks/{isrc}, a process for each core',
  async run(context) {
    const { world } = context;
    const workers = availableParallelism();
    const contenders: Contender[] = [
      { title: CEILING, isOurs: false, server: await world.startPeer('raw', workers) },
      { title: OURS, isOurs: true, server: await world.startService({ workers }) },
      {
        title: 'Fastify + mysql2, stored document',
        isOurs: false,
        server: await world.startPeer('fastify-document', workers),
      },
      { title: TYPICAL, isOurs: false, server: await world.startPeer('nest', workers) },
    ];
    return compare(context, contenders, ['zipf'], 'cores');
  },
};

async function compare(
  context: Context,
  contenders: readonly Contender[],
  laws: readonly KeyLaw[],
  file: string,
) {
  const { world, seconds, say } = context;
  const tables: Table[] = [];
  const plots: Plot[] = [];
  for (const { title, server } of contenders) {
    if (title !== CEILING) await verify(title, server, world.tracks, world.token);
  }
  for (const law of laws) {
    say(`keys: ${law}`);
    const calls = writeReads(join(world.folder, `reads-${law}.txt`), law, world.tracks);
    const measure = async ({ server }: Contender, length = seconds): Promise<Costed> => {
      const before = server.cpuSeconds();
      const load = await applyLoad({ url: server.url, token: world.token, calls, seconds: length });
      const after = server.cpuSeconds();
      const answers = (load.perSecond + load.refusedPerSecond) * length;
      return { ...load, cpuUs: before === null || after === null ? NaN : ((after - before) * 1e6) / answers };
    };
    for (const contender of contenders) await measure(contender, WARM_UP_SECONDS);
    const found = await interleave(
      context,
      contenders,
      (contender) => measure(contender),
      (load) =>
        `${figure(load.perSecond)} req/s, p99 ${figure(load.p99Ms)} ms, ${figure(load.cpuUs)} µs of CPU a call`,
    );
    tables.push(tableOf(contenders, found, `Keys ${law === 'zipf' ? "by Zipf's law" : 'uniformly'}`));
    plots.push({
      file: `${file}-${law}`,
      title: `Reads by ISRC, keys ${law === 'zipf' ? "by Zipf's law" : 'uniformly'}`,
      unit: `requests in a second, median of ${context.rounds} rounds with the least and the greatest`,
      bars: contenders.map((contender) => {
        const rates = rateOf(found, contender);
        return {
          label: shorten(contender.title),
          value: median(rates),
          range: [Math.min(...rates), Math.max(...rates)] as const,
          isOurs: contender.isOurs,
        };
      }),
    });
  }
  await Promise.all(contenders.map(({ server }) => server.stop()));
  return { tables, plots, remarks: [] };
}

/** Every server has to give the same answer, or its figure says nothing. */
async function verify(title: string, server: RunningServer, tracks: number, token: string): Promise<void> {
  for (const n of drawTracks('uniform', tracks, SAMPLES, 7)) {
    const recording = recordingAt(n);
    const response = await fetch(`${server.url}/v1/tracks/${recording.isrc}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const body: unknown = await response.json();
    assert.deepStrictEqual(body, JSON.parse(JSON.stringify(viewOf(recording))), `${title}: another answer`);
  }
}

function rateOf(
  found: ReadonlyMap<Contender, readonly Costed[]>,
  contender: Contender | undefined,
): number[] {
  return (contender && found.get(contender)?.map(({ perSecond }) => perSecond)) ?? [];
}

function tableOf(
  contenders: readonly Contender[],
  found: ReadonlyMap<Contender, readonly Costed[]>,
  title: string,
): Table {
  const cpuOf = (contender: Contender | undefined) =>
    median((contender && found.get(contender)?.map(({ cpuUs }) => cpuUs)) ?? []);
  const ceilingCpu = cpuOf(contenders.find((each) => each.title === CEILING));
  const named = (name: string) =>
    median(
      rateOf(
        found,
        contenders.find((each) => each.title === name),
      ),
    );
  const ceiling = named(CEILING);
  const typical = named(TYPICAL);
  return {
    title,
    columns: [
      'server',
      'req/s (least-greatest)',
      'p50 ms',
      'p99 ms',
      '/ raw',
      '× typical',
      'CPU µs a call',
      'raw CPU / this',
      'RSS MiB each',
    ],
    rows: contenders.map((contender) => {
      const loads = found.get(contender) ?? [];
      const rates = rateOf(found, contender);
      const broken = loads.reduce((sum, load) => sum + load.broken + load.refusedPerSecond, 0);
      if (broken > 0) throw new Error(`${contender.title} refused calls or broke connections`);
      // Of a group, the workers: their primary only listens.
      const resident = contender.server.residentMiB();
      return [
        contender.title,
        spread(rates),
        figure(median(loads.map(({ p50Ms }) => p50Ms))),
        figure(median(loads.map(({ p99Ms }) => p99Ms))),
        figure(median(rates) / ceiling),
        figure(median(rates) / typical),
        figure(cpuOf(contender)),
        figure(ceilingCpu / cpuOf(contender)),
        figure(median(resident)),
      ];
    }),
  };
}

function shorten(title: string): string {
  return title.replace(': Express, TypeORM, class-serializer', '').replace(', constant body', '');
}
