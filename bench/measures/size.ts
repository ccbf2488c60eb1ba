import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { applyLoad, writeReads } from '../lib/load';
import type { RunningServer } from '../lib/processes';
import type { Measure } from '../lib/report';
import { interleave } from '../lib/rounds';
import { figure, spread } from '../lib/statistics';

const SETTLE_MS = 5_000;

/** How much memory a process holds, and how soon it serves. */
export const size: Measure = {
  name: 'size',
  title: 'Start and memory',
  async run(context) {
    const { world, isQuick, say } = context;
    await world.serviceDatabase();
    await world.peerDatabase();
    let files = 0;
    const kept = `sqlite:${join(world.folder, 'start-kept.db')}`;
    await (await world.startService({ database: kept })).stop();
    const starts = [
      { title: 'Deadwax, SQLite, new file', start: () => world.startService({ database: `sqlite:${join(world.folder, `start-${files++}.db`)}` }) },
      { title: 'Deadwax, SQLite', start: () => world.startService({ database: kept }) },
      { title: 'Deadwax, MariaDB', start: () => world.startService() },
      { title: 'typical Nest, MariaDB', start: () => world.startPeer('nest') },
    ]; // prettier-ignore
    const found = await interleave(
      context,
      starts,
      async ({ start }) => {
        const startedAt = performance.now();
        const server = await start();
        const ms = performance.now() - startedAt;
        await server.stop();
        return ms;
      },
      (ms) => `${figure(ms)} ms`,
    );

    const reads = isQuick ? 50_000 : 1_000_000;
    const calls = writeReads(join(world.folder, 'size-reads.txt'), 'uniform', world.tracks);
    const memory: string[][] = [];
    const settled = async (server: RunningServer) => {
      await sleep(SETTLE_MS);
      return server.residentMiB()[0] ?? NaN;
    };
    for (const { title, start } of [
      { title: 'Deadwax', start: () => world.startService() },
      { title: 'typical Nest', start: () => world.startPeer('nest') },
    ]) {
      const server = await start();
      const idle = await settled(server);
      let done = 0;
      let greatest = idle;
      // The typical app would take half an hour for as many.
      const most = title === 'Deadwax' ? reads : reads / 20;
      while (done < most) {
        const seconds = 5;
        const load = await applyLoad({ url: server.url, token: world.token, calls, seconds });
        done += load.perSecond * seconds;
        greatest = Math.max(greatest, server.residentMiB()[0] ?? 0);
        say(`  ${title}: ${figure(done)} of ${figure(most)} reads, ${figure(greatest)} MiB`);
      }
      memory.push([title, figure(idle), figure(done), figure(greatest), figure(await settled(server))]);
      await server.stop();
    }
    return {
      tables: [
        {
          title: 'From the start of the process to the first 200 of readiness',
          columns: ['what', 'ms (least-greatest)'],
          rows: starts.map((each) => [each.title, spread(found.get(each) ?? [])]),
        },
        {
          title: 'Resident memory of one process, MiB',
          columns: ['server', 'idle', 'reads', 'during them', 'after them'],
          rows: memory,
        },
      ],
      plots: [],
      remarks: [],
    };
  },
};
