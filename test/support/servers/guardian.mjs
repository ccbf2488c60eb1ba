/**
 * Runs one private server for as long as somebody holds the other end of stdin, then stops it and removes
 * its folder. The kernel closes that pipe however the holder ends, by kill -9 too: no server outlives its run.
 *
 * Usage: node guardian.mjs ENGINE PROGRAMS-AS-JSON; answers with one line of JSON on stdout: `{ url, pid, folder }`
 * or `{ error }`. It stands in a process group of its own, so that Ctrl-C does not end it before its work is done.
 */
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, closeSync, mkdirSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ENGINES, serverEnvironment, tailOf } from './engines.mjs';

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 5_000;
// Another process may take the free port between our look and the server's.
const PORT_ATTEMPTS = 3;

const [name, programs] = [process.argv[2], JSON.parse(process.argv[3])];
const engine = ENGINES[name];
let folder = null;
let running = null;
let isStopping = false;

process.stdin.on('data', () => {}).on('close', () => void stop());
process.stdin.on('error', () => void stop());
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => void stop());
// Nobody listens any more when the runner is dead; that must not end the guardian before its work is done.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

try {
  const { url, pid } = await start();
  answer({ url, pid, folder });
} catch (error) {
  if (!isStopping) {
    answer({ error: error instanceof Error ? error.message : String(error) });
    await stop(1);
  }
}

async function start() {
  const owner = unprivilegedOwner();
  folder = mkdtempSync(join(tmpdir(), `deadwax-${name}-`));
  const settings = { cwd: folder, env: serverEnvironment(folder), ...owner };
  const { secret, initializations, afterwards } = engine.prepare(folder, programs);
  if (owner) {
    chownSync(folder, owner.uid, owner.gid);
    if (spawnSync('test', ['-w', folder], owner).status !== 0) {
      throw new Error(
        `${folder} is out of reach for the user "${owner.account}": set TMPDIR to a folder open to all`,
      );
    }
  }
  await initialize(initializations, settings);
  afterwards?.();

  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const log = join(folder, `server-${attempt}.log`);
    const child = launch(engine.command(folder, programs, port), log, settings);
    if (await becomesReady(child, log)) {
      child.once('exit', () => void reportLoss(log));
      return { url: engine.url(secret, port), pid: child.pid };
    }
    if (attempt === PORT_ATTEMPTS || isStopping) throw new Error(`${name} does not start:\n${tailOf(log)}`);
    await end(child, 'SIGKILL');
  }
}

/** Where we are root, the servers refuse to be, and are right. */
function unprivilegedOwner() {
  if (process.getuid() !== 0) return null;
  for (const account of [engine.account, 'nobody']) {
    const [uid, gid] = ['-u', '-g'].map((flag) => spawnSync('id', [flag, account], { encoding: 'utf8' }));
    if (uid.status === 0 && gid.status === 0) {
      return { account, uid: Number(uid.stdout), gid: Number(gid.stdout) };
    }
  }
  throw new Error(`neither the user "${engine.account}" nor "nobody" exists to run ${name} as`);
}

async function initialize(commands, settings) {
  const data = join(folder, 'data');
  for (const [index, command] of commands.entries()) {
    rmSync(data, { recursive: true, force: true });
    mkdirSync(data);
    chmodSync(data, 0o700);
    if (settings.uid !== undefined) chownSync(data, settings.uid, settings.gid);
    const log = join(folder, `init-${index}.log`);
    const child = launch(command, log, settings);
    const code = await exitOf(child, START_TIMEOUT_MS);
    if (code === 0) return;
    await end(child, 'SIGKILL');
    if (isStopping || index === commands.length - 1)
      throw new Error(`${name} cannot be set up:\n${tailOf(log)}`);
  }
}

/** Each child leads a process group: an initialization is a script with children, and all of them have to go. */
function launch([program, ...rest], log, settings) {
  const output = openSync(log, 'a');
  try {
    const child = spawn(program, rest, { ...settings, stdio: ['ignore', output, output], detached: true });
    child.ended = new Promise((resolve) => {
      child.once('error', () => resolve(127));
      child.once('exit', (code) => resolve(code ?? 128));
    });
    running = child;
    if (isStopping) killGroup(child, 'SIGKILL');
    return child;
  } finally {
    closeSync(output);
  }
}

async function becomesReady(child, log) {
  const deadline = Date.now() + START_TIMEOUT_MS;
  while (Date.now() < deadline && child.exitCode === null && child.signalCode === null && child.pid) {
    if (engine.isReady(tailOf(log, 200))) return true;
    await sleep(20);
  }
  return false;
}

async function exitOf(child, timeoutMs) {
  return await Promise.race([child.ended, sleep(timeoutMs, -1, { ref: false })]);
}

async function end(child, signal) {
  killGroup(child, signal);
  if ((await exitOf(child, STOP_TIMEOUT_MS)) === -1) {
    killGroup(child, 'SIGKILL');
    await exitOf(child, STOP_TIMEOUT_MS);
  }
}

function killGroup(child, signal) {
  try {
    // Negative: the group. PostgreSQL's SIGQUIT is meant for its leader alone, which passes it on.
    if (child.pid) process.kill(signal === 'SIGQUIT' ? child.pid : -child.pid, signal);
  } catch {
    // Gone already.
  }
}

function reportLoss(log) {
  if (isStopping) return;
  process.stderr.write(`The ${name} server of this test run ended by itself:\n${tailOf(log)}\n`);
  return stop(1);
}

async function stop(code = 0) {
  if (isStopping) return;
  isStopping = true;
  if (running) await end(running, engine.stopSignal);
  if (folder) {
    // A straggler of a killed group may still write for a moment.
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
  process.exit(code);
}

function answer(message) {
  process.stdout.write(JSON.stringify(message) + '\n');
}

async function freePort() {
  const probe = createServer();
  await new Promise((resolve, reject) => {
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', resolve);
  });
  const { port } = probe.address();
  await new Promise((resolve) => probe.close(resolve));
  return port;
}
