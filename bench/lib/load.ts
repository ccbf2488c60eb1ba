import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isrcAt } from './catalogue';
import { ROOT, runProgram } from './processes';
import { randomSequence, zipf } from './random';

const SCRIPT = join(ROOT, 'bench', 'load', 'calls.lua');
const THREADS = 2;

/** What came back in one measurement. */
export interface Load {
  /** Answers below 400 in a second. */
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers of 400 and above in a second. */
  readonly refusedPerSecond: number;
  /** Connections that broke, and calls that never were answered. */
  readonly broken: number;
}

export interface LoadOptions {
  readonly url: string;
  readonly token: string;
  /** A file with a call a line: see `load/calls.lua`. */
  readonly calls: string;
  readonly seconds: number;
  readonly connections?: number;
  /** Where the lines of `calls` are bodies to post. */
  readonly postTo?: string;
  /** Each connection waits so long between calls, in the mean. */
  readonly delayMs?: number;
}

let generator: Promise<'wrk' | 'autocannon'> | undefined;

/** Which program makes the load: wrk where it is installed, else autocannon, which is slower and so finds lower ceilings. */
export function loadGenerator(): Promise<'wrk' | 'autocannon'> {
  // wrk has no option that succeeds and prints its version alone: it says so and ends with 1.
  return (generator ??= runProgram('wrk', ['--version']).then(
    () => 'wrk',
    (error: unknown) => (String(error).includes('ENOENT') ? 'autocannon' : 'wrk'),
  ));
}

/** Sends calls over connections that are kept alive, each waiting for its answer before the next call. */
export async function applyLoad(options: LoadOptions): Promise<Load> {
  return (await loadGenerator()) === 'wrk' ? byWrk(options) : byAutocannon(options);
}

async function byWrk({
  url,
  token,
  calls,
  seconds,
  connections = 64,
  postTo,
  delayMs = 0,
}: LoadOptions): Promise<Load> {
  const output = await runProgram(
    'wrk',
    [
      `-t${Math.min(THREADS, connections)}`,
      `-c${connections}`,
      `-d${seconds}s`,
      '--timeout',
      '30s',
      '--script',
      SCRIPT,
      url,
    ],
    {
      env: {
        BENCH_TOKEN: token,
        BENCH_CALLS: calls,
        BENCH_THREADS: String(THREADS),
        BENCH_METHOD: postTo === undefined ? 'GET' : 'POST',
        BENCH_PATH: postTo ?? '',
        BENCH_DELAY_MS: String(delayMs),
      },
    },
  );
  const line = /^BENCH (.*)$/m.exec(output)?.[1];
  if (line === undefined) throw new Error(`wrk told no result:\n${output}`);
  const found = JSON.parse(line) as {
    calls: number;
    seconds: number;
    p50Ms: number;
    p99Ms: number;
    refused: number;
    broken: number;
  };
  return {
    perSecond: (found.calls - found.refused) / found.seconds,
    p50Ms: found.p50Ms,
    p99Ms: found.p99Ms,
    refusedPerSecond: found.refused / found.seconds,
    broken: found.broken,
  };
}

interface AutocannonResult {
  readonly duration: number;
  readonly '2xx': number;
  readonly '3xx': number;
  readonly non2xx: number;
  readonly errors: number;
  readonly latency: { readonly p50: number; readonly p99: number };
}
type Autocannon = (options: object) => Promise<AutocannonResult>;

/** One thread of Node: enough for what serves fewer than some 30,000 calls in a second. It knows no delay. */
async function byAutocannon({
  url,
  token,
  calls,
  seconds,
  connections = 64,
  postTo,
}: LoadOptions): Promise<Load> {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- a package of the bench alone, there once it ran
  const autocannon = require(join(ROOT, 'bench', 'node_modules', 'autocannon')) as Autocannon;
  const lines = readFileSync(calls, 'utf8').trimEnd().split('\n');
  let at = 0;
  const setupRequest = (request: Record<string, unknown>) => {
    const [path = '', etag] = (lines[at++ % lines.length] ?? '').split('\t');
    return postTo === undefined
      ? { ...request, path, headers: { authorization: `Bearer ${token}`, ...(etag && { 'if-none-match': etag }) } }
      : { ...request, method: 'POST', path: postTo, body: path, headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' } }; // prettier-ignore
  };
  const result = await autocannon({ url, connections, duration: seconds, requests: [{ setupRequest }] });
  const refused = result.non2xx - result['3xx'];
  return {
    perSecond: (result['2xx'] + result['3xx']) / result.duration,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    refusedPerSecond: refused / result.duration,
    broken: result.errors,
  };
}

/** How keys are drawn: a few most of the time, or all alike. */
export type KeyLaw = 'zipf' | 'uniform';

const KEYS = 200_000;
/** Scatters the popular keys over the catalogue; a prime, so that every key comes up once. */
const SCATTER = 7_368_787;

/** Numbers of tracks, drawn by a law, the same in each run. */
export function drawTracks(law: KeyLaw, tracks: number, count: number, seed = 1): number[] {
  const random = randomSequence(seed);
  return Array.from({ length: count }, () =>
    law === 'zipf' ? (zipf(tracks, random()) * SCATTER) % tracks : Math.floor(random() * tracks),
  );
}

/** Writes calls of `GET /v1/tracks/{isrc}`. */
export function writeReads(path: string, law: KeyLaw, tracks: number): string {
  const lines = drawTracks(law, tracks, KEYS).map((n) => `/v1/tracks/${isrcAt(n)}`);
  writeFileSync(path, lines.join('\n') + '\n');
  return path;
}
