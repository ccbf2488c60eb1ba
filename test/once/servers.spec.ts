import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const HOLDER = join(__dirname, '../support/servers/hold.mjs');

/** However a test run ends, nothing of its servers stays behind. Real servers, real signals. */
describe('the private servers', () => {
  // A temporary folder of the test's own: whatever the servers leave is in it, or names it on its command line.
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'deadwax-leftovers-'));
    // The servers run as users of their own where this runs as root.
    chmodSync(folder, 0o777);
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it.each(['SIGKILL', 'SIGINT', 'SIGTERM'] as const)(
    'are gone after %s of their holder, with their files',
    async (signal) => {
      const holder = hold();
      const servers = JSON.parse(await holder.line) as Record<
        'mariadb' | 'postgres' | 'redis',
        { url: string; pid: number }
      >;
      expect(Object.keys(servers)).toEqual(['mariadb', 'postgres', 'redis']);
      for (const { url, pid } of Object.values(servers)) {
        expect(isAlive(pid)).toBe(true);
        expect(await isListening(url)).toBe(true);
      }
      expect(leftovers()).not.toEqual([]);

      await holder.end(signal);
      await waitFor(() => leftovers().length === 0);
      for (const { url, pid } of Object.values(servers)) {
        expect(isAlive(pid)).toBe(false);
        expect(await isListening(url)).toBe(false);
      }
    },
    30_000,
  );

  it('are gone after SIGKILL in the middle of their set-up', async () => {
    const holder = hold();
    await waitFor(() => processes().some((line) => /mariadb.*--bootstrap/.test(line)));
    await holder.end('SIGKILL');
    await waitFor(() => leftovers().length === 0);
    expect(leftovers()).toEqual([]);
  }, 30_000);

  it('are gone after SIGKILL of the whole process group of a test that has started some', async () => {
    const start = `require('./test/support/mariadb-nodes.ts').startMariadb().then(() => console.log('up'))`;
    const group = spawn(process.execPath, ['-r', './test/support/require-typescript.cjs', '-e', start], {
      cwd: join(__dirname, '../..'),
      env: { ...process.env, TMPDIR: folder },
      stdio: ['ignore', 'pipe', 'inherit'],
      detached: true,
    });
    await once(group.stdout, 'data');
    expect(processes().some((line) => line.includes('mariadbd'))).toBe(true);
    process.kill(-(group.pid ?? 0), 'SIGKILL');
    await waitFor(() => processes().length === 0);
  }, 60_000);

  function hold() {
    const child = spawn(process.execPath, [HOLDER, 'mariadb', 'postgres', 'redis'], {
      env: { ...process.env, TMPDIR: folder },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = new Promise<void>((resolve) => {
      child.once('close', () => {
        resolve();
      });
    });
    const line = new Promise<string>((resolve, reject) => {
      let text = '';
      child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        if (text.endsWith('\n')) resolve(text);
      });
      child.once('close', () => {
        reject(new Error('the holder ended before its servers were ready'));
      });
    });
    line.catch(() => undefined);
    return {
      line,
      async end(signal: NodeJS.Signals) {
        child.kill(signal);
        await exited;
      },
    };
  }

  const leftovers = () => [...readdirSync(folder), ...processes()];

  function processes(): string[] {
    const { stdout } = spawnSync('ps', ['-A', '-ww', '-o', 'pid=,args='], { encoding: 'utf8' });
    return stdout.split('\n').filter((line) => line.includes(folder));
  }
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // EPERM: there, and another user's.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function isListening(url: string): Promise<boolean> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1');
  return await new Promise((resolve) => {
    socket.once('connect', () => {
      resolve(true);
      socket.destroy();
    });
    socket.once('error', () => {
      resolve(false);
    });
  });
}

async function waitFor(condition: () => boolean, timeoutMs = 15_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error('waited in vain');
    await sleep(50);
  }
}
