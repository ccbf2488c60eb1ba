import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const ROOT = join(__dirname, '..', '..');
const REQUIRE_TYPESCRIPT = join(ROOT, 'test', 'support', 'require-typescript.cjs');
const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 30_000;

/** Children that still run; ended with this process, however it ends. */
const running = new Set<ChildProcess>();
process.on('exit', endLeftOvers);

/** Ends what a measure that failed left running, so that it does not disturb the next one. */
export function endLeftOvers(): void {
  for (const child of running) child.kill('SIGKILL');
}

/** A server under measurement. */
export interface RunningServer {
  readonly url: string;
  /** Resident memory of each process of it, in MiB, the greatest first. */
  residentMiB(): number[];
  /** Seconds of processor time that its processes have used so far; null where the system does not tell finely enough. */
  cpuSeconds(): number | null;
  stop(): Promise<void>;
}

/** What a child gets to see of our environment: nothing that configures the service. */
function environment(own: Readonly<Record<string, string>>): NodeJS.ProcessEnv {
  const { PATH, HOME, TMPDIR } = process.env;
  return { PATH, HOME, ...(TMPDIR === undefined ? {} : { TMPDIR }), TZ: 'UTC', ...own };
}

/**
 * Starts a server by Node and waits until `readyPath` answers 200.
 * @param args of node; the server listens on the `PORT` that it is given
 */
export async function startServer(
  args: readonly string[],
  own: Readonly<Record<string, string>>,
  { cwd, readyPath }: { cwd: string; readyPath: string },
): Promise<RunningServer> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const child = spawn(process.execPath, args, {
    cwd,
    env: environment({ PORT: String(port), HOST: '127.0.0.1', ...own }),
    // Logs are written, as in production, and thrown away.
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  running.add(child);
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-4000)));
  const state = { hasEnded: false };
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => {
      state.hasEnded = true;
      running.delete(child);
      resolve();
    });
  });
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (!(await answers(url + readyPath))) {
    if (state.hasEnded || Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`${args.join(' ')} does not serve ${readyPath}:\n${errors}`);
    }
    await sleep(5);
  }
  return {
    url,
    residentMiB: () => groupOf(child.pid ?? 0).map(({ residentMiB }) => residentMiB),
    cpuSeconds: () => cpuOf(groupOf(child.pid ?? 0).map(({ pid }) => pid)),
    async stop() {
      child.kill('SIGTERM');
      if (await Promise.race([ended.then(() => false), sleep(STOP_TIMEOUT_MS, true, { ref: false })])) {
        child.kill('SIGKILL');
        await ended;
      }
    },
  };
}

async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(1000) });
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    return false;
  }
}

/** A process and its children, the largest first, by `ps`, which every Unix has. */
function groupOf(of: number): { pid: number; residentMiB: number }[] {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid=,rss='], { encoding: 'utf8' });
  return stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .filter(([pid, parent]) => pid === of || parent === of)
    .map(([pid = 0, , kibibytes = 0]) => ({ pid, residentMiB: kibibytes / 1024 }))
    .sort((a, b) => b.residentMiB - a.residentMiB);
}

/** Linux tells in hundredths of a second (`proc(5)`, utime and stime); `ps` in whole ones. */
function cpuOf(pids: readonly number[]): number | null {
  let ticks = 0;
  for (const pid of pids) {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ');
      ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      return null;
    }
  }
  return ticks / 100;
}

/** Runs a TypeScript file of the bench in a process of its own. @throws where it fails */
export async function runScript(
  file: string,
  args: readonly string[],
  own: Readonly<Record<string, string>> = {},
): Promise<string> {
  const child = spawn(process.execPath, ['-r', REQUIRE_TYPESCRIPT, file, ...args], {
    cwd: ROOT,
    env: environment(own),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.add(child);
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  running.delete(child);
  if (code !== 0) throw new Error(`${file} ended with code ${String(code)}`);
  return output;
}

/** Runs a program to its end and returns what it printed. @throws where it fails */
export async function runProgram(
  program: string,
  args: readonly string[],
  { env = {}, cwd = ROOT }: { env?: Readonly<Record<string, string>>; cwd?: string } = {},
): Promise<string> {
  const child = spawn(program, args, { cwd, env: environment(env), stdio: ['ignore', 'pipe', 'pipe'] });
  running.add(child);
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  running.delete(child);
  if (code !== 0) throw new Error(`${program} ended with code ${String(code)}:\n${errors}${output}`);
  return output;
}

async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', resolve);
  });
  const address = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no free port');
  return address.port;
}
