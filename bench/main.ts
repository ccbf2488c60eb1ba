/**
 * The measurements: see docs/performance.md. `npm run bench -- reads lookup --quick`; without names, all of them.
 *   --quick       20,000 tracks and short rounds: to see that it works
 *   --resume      takes what an earlier run, broken off, has found already, and measures the rest
 *   --write-docs  puts what was found into docs/performance.md
 */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeDocs } from './lib/docs';
import { loadGenerator } from './lib/load';
import { describeMachine } from './lib/machine';
import { toSvg } from './lib/plot';
import { endLeftOvers, ROOT } from './lib/processes';
import { type Context, type Report, toMarkdown, toText } from './lib/report';
import { World } from './lib/world';
import { MEASURES } from './measures';

const RESULTS = join(ROOT, 'bench', 'results');

void main();

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      quick: { type: 'boolean', default: false },
      resume: { type: 'boolean', default: false },
      'write-docs': { type: 'boolean', default: false },
    },
  });
  const known = MEASURES.map(({ name }) => name);
  const unknown = positionals.filter((name) => !known.includes(name));
  if (unknown.length > 0) {
    console.error(`There is no measure ${unknown.join(', ')}. There are: ${known.join(', ')}.`);
    process.exit(2);
  }
  const isQuick = values.quick;
  const selected = MEASURES.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
  if ((await loadGenerator()) === 'autocannon') {
    console.error(
      'wrk is not installed (Debian and its kin: sudo apt-get install wrk). autocannon makes the load instead: its own\n' +
        'process is the limit of the fastest servers, and overload is not measured.\n',
    );
  }
  // Open to all: the database server, another user, reads files from here.
  const folder = mkdtempSync(join(tmpdir(), 'deadwax-bench-'));
  chmodSync(folder, 0o755);
  if (!values.resume) for (const { name } of selected) rmSync(resultOf(name), { force: true });
  const startedAt = Date.now();
  const say = (line: string) => {
    console.error(`${((Date.now() - startedAt) / 1000).toFixed(0).padStart(5)} s  ${line}`);
  };
  const world = new World(isQuick ? 20_000 : 1_000_000, folder, isQuick, say);
  const context: Context = { isQuick, rounds: 3, seconds: isQuick ? 3 : 10, world, folder, say };
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      rmSync(folder, { recursive: true, force: true });
      process.exit(1);
    });
  }

  const reports = new Map<string, Report>();
  const failures: string[] = [];
  for (const { name, title, run } of selected) {
    const earlier = values.resume ? found(name, isQuick) : null;
    if (earlier !== null) {
      say(`== ${name}: found by the earlier run`);
      reports.set(name, earlier);
      continue;
    }
    say(`== ${name}: ${title}`);
    try {
      const report = await run(context);
      reports.set(name, report);
      // At once: a run that is broken off keeps what it found.
      keep(name, title, report, settingOf(context, await world.versions()), isQuick);
    } catch (error) {
      failures.push(name);
      endLeftOvers();
      console.error(error);
    }
  }
  const setting = settingOf(context, await world.versions());
  await world.stop();
  rmSync(folder, { recursive: true, force: true });

  for (const { name, title } of selected) {
    const report = reports.get(name);
    if (report !== undefined) console.log(`\n${title}\n\n${toText(report)}`);
  }
  console.log(`\n${setting}\nTables and plots: ${RESULTS}`);
  if (values['write-docs']) console.log(`Written to ${await writeDocs(reports, setting)}`);
  if (failures.length > 0) console.error(`Not measured, for an error: ${failures.join(', ')}`);
  process.exit(failures.length > 0 ? 1 : 0);
}

/** How much was measured, and on what. */
function settingOf({ world, rounds, seconds }: Context, versions: readonly string[]): string {
  const machine = describeMachine(versions);
  return `${world.tracks.toLocaleString('en-US')} tracks, ${rounds} rounds of ${seconds} s, ${machine}.`;
}

function resultOf(name: string): string {
  return join(RESULTS, `${name}.json`);
}

/** What an earlier run of the same size has kept. */
function found(name: string, isQuick: boolean): Report | null {
  if (!existsSync(resultOf(name))) return null;
  const kept = JSON.parse(readFileSync(resultOf(name), 'utf8')) as Report & { readonly isQuick?: boolean };
  return kept.isQuick === isQuick ? kept : null;
}

function keep(name: string, title: string, report: Report, setting: string, isQuick: boolean): void {
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(join(RESULTS, `${name}.md`), `## ${title}\n\n${setting}\n\n${toMarkdown(report, '.')}\n`);
  writeFileSync(resultOf(name), JSON.stringify({ setting, isQuick, ...report }, null, 1));
  for (const plot of report.plots) writeFileSync(join(RESULTS, `${plot.file}.svg`), toSvg(plot));
}
