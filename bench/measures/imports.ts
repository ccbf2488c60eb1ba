import { createReadStream, createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { isrcAt } from '../lib/catalogue';
import { SETTINGS } from '../lib/built-service';
import { makeDatabase } from '../lib/mariadb';
import { runScript } from '../lib/processes';
import type { Context, Measure } from '../lib/report';
import { figure, median, percentile, spread } from '../lib/statistics';

const RESOLVE_ROWS = join(__dirname, '..', 'lib', 'resolve-rows.ts');
const PROBE_EVERY_MS = 20;

interface Engine {
  readonly name: string;
  fresh(): Promise<string>;
}

/** How fast uploads are taken in, what that costs the others, and what the ledger costs beside the plain bulk upsert. */
export const imports: Measure = {
  name: 'imports',
  title: 'Imports',
  async run(context) {
    const { world, isQuick, rounds, say } = context;
    const rows = isQuick ? 100_000 : 1_000_000;
    const resolved = isQuick ? 3_000 : 30_000;
    const file = join(world.folder, 'codes.csv');
    await writeCodes(file, rows);
    let files = 0;
    const server = await world.mariadb();
    const engines: Engine[] = [
      {
        name: 'SQLite',
        fresh: () => Promise.resolve(`sqlite:${join(world.folder, `imports-${files++}.db`)}`),
      },
      { name: 'MariaDB', fresh: () => makeDatabase(server, `imports_${files++}`) },
    ];

    const intake: string[][] = [];
    const work: string[][] = [];
    for (const engine of engines) {
      const found = await takeIn(context, engine, file);
      say(`  ${engine.name}: ${figure(rows / found.seconds)} rows a second taken in`);
      const { seconds, idleMiB, greatestMiB, probesMs } = found;
      intake.push([
        engine.name,
        figure(seconds),
        figure(rows / seconds),
        figure(greatestMiB - idleMiB),
        figure(percentile(probesMs, 50)),
        figure(percentile(probesMs, 99)),
      ]);

      const plain: number[] = [];
      const imported: number[] = [];
      for (let round = 0; round < rounds; round += 1) {
        const [plainSeconds = NaN] = await world.saveRecordings(await engine.fresh(), 0, resolved);
        plain.push(resolved / plainSeconds);
        const settings = { ...SETTINGS, LOG_LEVEL: 'warn', DATABASE_URL: await engine.fresh() };
        const told = JSON.parse(await runScript(RESOLVE_ROWS, [String(resolved)], settings)) as {
          seconds: number;
          created: number;
        };
        if (told.created !== resolved) throw new Error(`${told.created} of ${resolved} tracks were made`);
        imported.push(resolved / told.seconds);
        say(
          `  ${engine.name}: ${figure(imported.at(-1) ?? 0)} rows a second resolved, ${figure(plain.at(-1) ?? 0)} stored without an import`,
        );
      }
      work.push([engine.name, spread(plain), spread(imported), figure(median(imported) / median(plain))]);
    }
    return {
      tables: [
        {
          title: `Intake of ${figure(rows)} rows of CSV`,
          columns: ['engine', 's', 'rows/s', 'MiB above idle', 'live probe p50 ms', 'p99 ms'],
          rows: intake,
        },
        {
          title: 'Rows resolved, with a source that answers at once',
          columns: ['engine', 'plain bulk upsert, tracks/s', 'by an import, rows/s', '/ plain'],
          rows: work,
        },
      ],
      plots: [],
      remarks: [
        'A row of an import is received, looked for, claimed and settled; its track is stored in the transaction that settles it.',
      ],
    };
  },
};

async function writeCodes(file: string, rows: number): Promise<void> {
  const out = createWriteStream(file);
  out.write('isrc,title\n');
  for (let n = 0; n < rows; n += 1) {
    if (!out.write(`${isrcAt(n)},Title ${n}\n`)) await once(out, 'drain');
  }
  out.end();
  await once(out, 'finish');
}

/** Uploads the file, and probes all the while. */
async function takeIn({ world }: Context, engine: Engine, file: string) {
  const service = await world.startService({ database: await engine.fresh() });
  const idleMiB = service.residentMiB()[0] ?? NaN;
  let greatestMiB = idleMiB;
  let isOver = false;
  const probesMs: number[] = [];
  const probe = async () => {
    while (!isOver) {
      const startedAt = performance.now();
      await (await fetch(`${service.url}/health/live`)).arrayBuffer();
      probesMs.push(performance.now() - startedAt);
      greatestMiB = Math.max(greatestMiB, service.residentMiB()[0] ?? 0);
      await sleep(PROBE_EVERY_MS);
    }
  };
  const probing = probe();
  const startedAt = performance.now();
  const answer = await fetch(`${service.url}/v1/imports`, {
    method: 'POST',
    headers: { authorization: `Bearer ${world.token}`, 'content-type': 'text/csv' },
    body: Readable.toWeb(createReadStream(file)),
    duplex: 'half',
  });
  const seconds = (performance.now() - startedAt) / 1000;
  isOver = true;
  await probing;
  if (answer.status !== 202)
    throw new Error(`the upload was answered with ${answer.status}: ${await answer.text()}`);
  await service.stop();
  return { seconds, idleMiB, greatestMiB, probesMs };
}
