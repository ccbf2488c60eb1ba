import { type ChildProcess, fork } from 'node:child_process';
import { once, setMaxListeners } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { callersBeside, type Client, deadwax, queue, sequential } from './clients';
import { toMarkdown, toSvg, type UpstreamResult, type WaitResult } from './report';
import type { UpstreamAddress, UpstreamCount, UpstreamRequest } from './upstream-process';

/* npm run bench:upstream [-- --quick]: see README.md */

const WINDOW_MS = 30_000;
const isQuick = process.argv.includes('--quick');
const windows = isQuick ? 3 : 8;
const durationMs = windows * WINDOW_MS;
const results = join(__dirname, 'results');

interface Run {
  readonly limit: number;
  readonly isStrict: boolean;
  readonly name: string;
  readonly client: Client;
  /** False where its waits are what is looked at. */
  readonly isCounted: boolean;
}

const waits: WaitResult[] = [30, 300].map((limit) => ({ limit, idle: [], busy: [] }));
const runs: Run[] = [
  ...[30, 300].flatMap((limit) =>
    [false, true].flatMap((isStrict) =>
      Object.entries({ deadwax, queue, sequential }).map(([name, client]) => ({
        ...{ limit, isStrict, name, client },
        isCounted: true,
      })),
    ),
  ),
  ...waits.flatMap(({ limit, idle, busy }) =>
    (
      [
        ['callers alone', 0, idle],
        ['callers beside bulk', 10, busy],
      ] as const
    ).map(([name, bulk, noted]) => {
      const client = callersBeside(bulk, limit, (ms) => (noted as number[]).push(ms));
      return { limit, isStrict: false, name, client, isCounted: false };
    }),
  ),
];

async function ask<T>(child: ChildProcess, request: UpstreamRequest): Promise<readonly T[]> {
  const answered = once(child, 'message') as Promise<[readonly T[]]>;
  child.send(request);
  return (await answered)[0];
}

async function main(): Promise<void> {
  const upstream = fork(join(__dirname, 'upstream-process.ts'), {
    execArgv: ['-r', join(__dirname, '../../test/support/require-typescript.cjs')],
  });
  const addresses = await ask<UpstreamAddress>(upstream, { kind: 'start', runs });
  const end = new AbortController();
  setMaxListeners(0, end.signal);
  const startMs = performance.now();
  const running = addresses.flatMap((address, at) => runs[at]?.client(address, end.signal) ?? []);
  const counts: (readonly UpstreamCount[])[] = [];
  for (let window = 1; window <= windows; window += 1) {
    await sleep(Math.max(0, startMs + window * WINDOW_MS - performance.now()));
    counts.push(await ask<UpstreamCount>(upstream, { kind: 'count' }));
    console.error(
      `${(window * WINDOW_MS) / 1000} of ${durationMs / 1000} s: ${progress(counts.at(-1) ?? [])}`,
    );
  }
  end.abort();
  await Promise.all(running);
  upstream.disconnect();

  const counted = runs.flatMap((run, at) =>
    run.isCounted
      ? [
          resultOf(
            run,
            counts.flatMap((each) => each[at] ?? []),
          ),
        ]
      : [],
  );
  const markdown = toMarkdown(counted, waits, durationMs / 60_000);
  await mkdir(results, { recursive: true });
  const name = isQuick ? 'quick' : 'full';
  await writeFile(join(results, `${name}.md`), markdown);
  await writeFile(join(results, `${name}.svg`), toSvg(counted));
  console.log(markdown);
}

function resultOf({ limit, isStrict, name }: Run, counts: readonly UpstreamCount[]): UpstreamResult {
  const at = (window: number) => counts[window - 1] ?? { calls: 0, refused: 0 };
  const letThrough = (window: number) => at(window).calls - at(window).refused;
  const calls = at(windows).calls - at(1).calls;
  return {
    world: `${limit} in 30 s, ${isStrict ? 'strict' : 'polite'}`,
    client: name,
    used: letThrough(windows) / (limit * windows),
    usedLater: (letThrough(windows) - letThrough(2)) / (limit * (windows - 2)),
    refused: at(windows).refused,
    refusedPerThousand: (1000 * (at(windows).refused - at(1).refused)) / Math.max(1, calls),
  };
}

function progress(counts: readonly UpstreamCount[]): string {
  return runs
    .map(
      ({ name, limit, isStrict }, at) =>
        `${name} ${limit}${isStrict ? 's' : ''} ${counts[at]?.calls}/${counts[at]?.refused}`,
    )
    .join(', ');
}

void main();
