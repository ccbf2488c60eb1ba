import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { transformSync } from '@swc/core';
import { LogCheck } from './log-check';

const ROOT = join(__dirname, '..', '..');
/** Lines that a server writes to standard output beside its log, where it does not run in production. */
const GREETING =
  /^(\n|Deadwax is ready at http|The first admin token, shown this once: dwx_|Try it:\n| {2}curl )/;
const QUICK_START = join(__dirname, 'quick-start.cjs');

/** The service compiled into a folder of its own, to be run as a process. */
export interface BuiltService {
  /** Starts `dist/main.js`, or `dist/cli/main.js` with these arguments, in an empty folder unless `cwd` is named. */
  start(
    environment?: Readonly<Record<string, string>>,
    options?: { args?: string[]; cwd?: string },
  ): RunningProcess;
  /** A new folder, removed by `remove`. */
  folder(): string;
  /**
   * Ends what still runs and removes all folders.
   * @throws Error where a server wrote a line to its log that is not as the log promises
   */
  remove(): Promise<void>;
}

export interface RunningProcess {
  readonly child: ChildProcess;
  readonly stdout: string;
  readonly stderr: string;
  /** The exit code, or the signal that ended it, with the milliseconds since the start. */
  readonly ended: Promise<{ code: number | NodeJS.Signals | null; ms: number }>;
  /** The first match in what was written to standard output. Fails when the process ends first, or after 60 s. */
  says(pattern: RegExp): Promise<RegExpExecArray>;
}

/**
 * The service compiled as the build does it, without its check of types. All of a run share one, whose processes start quickly by
 * `quick-start.cjs`; a plain one is compiled anew and loaded by Node alone, for tests of just that.
 */
export function buildService({ isPlain = false } = {}): BuiltService {
  const home = mkdtempSync(join(tmpdir(), 'deadwax-built-'));
  const shared = process.env['DEADWAX_TEST_BUILD'];
  if (isPlain || shared === undefined) compile(join(ROOT, 'src'), join(home, 'dist'));
  else symlinkSync(builtOnce(shared), join(home, 'dist'));
  copyFileSync(join(ROOT, 'package.json'), join(home, 'package.json'));
  symlinkSync(join(ROOT, 'node_modules'), join(home, 'node_modules'));
  const running: Running[] = [];
  let folders = 0;
  const folder = () => {
    const path = join(home, `cwd-${folders++}`);
    mkdirSync(path);
    return path;
  };
  return {
    folder,
    start(environment = {}, { args, cwd = folder() } = {}) {
      const script = join(home, 'dist', args === undefined ? 'main.js' : 'cli/main.js');
      const started = new Running([script, ...(args ?? [])], environment, cwd);
      running.push(started);
      return started;
    },
    async remove() {
      for (const { child } of running) child.kill('SIGKILL');
      await Promise.all(running.map(({ ended }) => ended));
      rmSync(home, { recursive: true, force: true });
      for (const each of running) each.assertGoodLog();
    },
  };
}

/** The compiled service that a run shares, made by whoever asks first. */
function builtOnce(home: string): string {
  const [dist, isDone] = [join(home, 'dist'), join(home, 'done')];
  try {
    mkdirSync(dist);
  } catch {
    const deadline = Date.now() + 120_000;
    while (!existsSync(isDone)) {
      if (Date.now() > deadline) throw new Error(`another test file did not finish ${dist}`);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
    }
    return dist;
  }
  compile(join(ROOT, 'src'), dist);
  copyFileSync(join(ROOT, 'package.json'), join(home, 'package.json'));
  symlinkSync(join(ROOT, 'node_modules'), join(home, 'node_modules'));
  // Where that fails, Node loads the modules, and tests tell what is wrong.
  spawnSync(process.execPath, ['-r', QUICK_START, join(dist, 'main.js')], {
    cwd: home,
    env: { PATH: process.env['PATH'], PORT: '0', RECORD_MODULES: 'true' },
    stdio: 'ignore',
    timeout: 60_000,
  });
  writeFileSync(isDone, '');
  return dist;
}

function compile(from: string, to: string): void {
  const {
    $schema: _schema,
    exclude: _exclude,
    ...options
  } = JSON.parse(readFileSync(join(ROOT, '.swcrc'), 'utf8')) as Record<string, unknown>;
  for (const name of readdirSync(from, { recursive: true }).map(String)) {
    const target = join(to, name.replace(/\.ts$/, '.js'));
    if (name.endsWith('.json')) cpSync(join(from, name), target);
    if (!name.endsWith('.ts') || name.endsWith('.spec.ts') || name.endsWith('.d.ts')) continue;
    mkdirSync(dirname(target), { recursive: true });
    const filename = join(from, name);
    const { code } = transformSync(readFileSync(filename, 'utf8'), {
      ...options,
      // The build leaves `import()` alone, since what tsc makes of a file tells Node its exports; what this compiler makes does not.
      module: { type: 'commonjs', ignoreDynamic: false },
      swcrc: false,
      sourceMaps: false,
      filename,
    });
    writeFileSync(target, code);
  }
}

class Running implements RunningProcess {
  stdout = '';
  stderr = '';
  readonly child: ChildProcess;
  readonly ended: RunningProcess['ended'];
  private hasEnded = false;

  constructor(
    private readonly args: string[],
    private readonly environment: Readonly<Record<string, string>>,
    cwd: string,
  ) {
    const startedAt = Date.now();
    const { PATH = '', TZ = 'UTC' } = process.env;
    this.child = spawn(process.execPath, ['-r', QUICK_START, ...args], {
      cwd,
      env: { PATH, TZ, PORT: '0', ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        this.hasEnded = true;
        resolve({ code: code ?? signal, ms: Date.now() - startedAt });
      });
    });
  }

  async says(pattern: RegExp): Promise<RegExpExecArray> {
    const deadline = Date.now() + 60_000;
    for (;;) {
      const match = pattern.exec(this.stdout);
      if (match !== null) return match;
      if (this.hasEnded || Date.now() > deadline)
        throw new Error(
          `${this.hasEnded ? 'ended' : 'waited'} without ${pattern.source}:\n${this.stdout}\n${this.stderr}`,
        );
      await sleep(10);
    }
  }

  /**
   * Of a server that has ended: what a command writes is for people.
   * @throws Error where it wrote something that is neither a greeting nor a good line of the log
   */
  assertGoodLog(): void {
    if (this.args.length > 1) return;
    const check = new LogCheck();
    check.learnSettings(this.environment);
    const lines = this.stdout.split(/(?<=\n)/).filter((line) => line !== '');
    // One that was killed may have been writing.
    if (this.child.signalCode === 'SIGKILL' && lines.at(-1)?.endsWith('\n') === false) lines.pop();
    const isGreeted = this.environment['NODE_ENV'] !== 'production';
    for (const line of lines) if (!isGreeted || !GREETING.test(line)) check.write(line);
    check.assertGood();
  }
}
