/**
 * What `npm test` runs: private database servers and Redis, then Jest with every project, `alone` last and one file at a time, then
 * one line that says how it went.
 * Arguments go to Jest: `npm test -- --selectProjects unit`, `npm test -- test/e2e/tracks.e2e-spec.ts`.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureBinaries, MissingServerError } from './support/servers/binaries.mjs';
import { startServers } from './support/servers/servers.mjs';

// A zone that is not UTC and not whole hours off: a time read in the wrong zone is then wrong on every machine.
const TIME_ZONE = 'America/St_Johns';
const EXIT_GRACE_MS = 15_000;
const KILL_GRACE_MS = 5_000;

/**
 * All that the tests get to see of the outer environment. A list of what may pass, not of what may not: a setting
 * that the app learns to read next year stays out too, as do proxies.
 */
const PASSED_ON =
  /^(PATH|HOME|USER|LOGNAME|SHELL|TMPDIR|TERM|COLORTERM|COLUMNS|LINES|LANG|LC_\w+|CI|GITHUB_ACTIONS|FORCE_COLOR|NO_COLOR|DEADWAX_(SCHEDULES|SEED|RESTARTS(_RPS)?|IMPORT_ROWS|ONCE_ON|TEST_MIGRATED_BY)|NODE_(OPTIONS|EXTRA_CA_CERTS|V8_COVERAGE)|npm_\w+)$/;

const ENGINES_BY_PROJECT = {
  unit: [],
  // Those of `once` also start servers of their own, to see them end. They need no engine, or SQLite, unless told otherwise.
  once: ['redis', process.env.DEADWAX_ONCE_ON ?? 'sqlite'].filter((each) => each !== 'sqlite'),
  alone: ['redis'],
  sqlite: ['redis'],
  mariadb: ['mariadb', 'redis'],
  postgres: ['postgres', 'redis'],
};

const args = process.argv.slice(2);
const flags = new Set(args.map((each) => each.split('=')[0]));
const has = (...names) => names.some((name) => flags.has(name));
const isWatching = has('--watch', '--watchAll');
const isAskedOnly = has('--help', '-h', '--version', '-v', '--showConfig', '--listTests', '--clearCache');

let jest = null;
let servers = null;
let isHanging = false;
let interruptedBy = null;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => interrupt(signal));
// npm does not always pass on the signal that ends it: without npm nobody waits for this run any more.
const parent = process.ppid;
if (process.env.npm_lifecycle_event) {
  setInterval(() => process.ppid !== parent && interrupt('SIGHUP'), 500).unref();
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof MissingServerError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}

async function main() {
  const projects = selectedProjects();
  if (projects.includes('once') && !isAskedOnly)
    ensureBinaries(['mariadb', 'postgres', 'redis', 'chromium', 'prometheus', 'haproxy', 'shellcheck']);
  const engines = isAskedOnly
    ? []
    : [...new Set(projects.flatMap((project) => ENGINES_BY_PROJECT[project] ?? []))];

  const startedAt = Date.now();
  servers = await startServers(engines);
  if (engines.length > 0) {
    console.error(`Started ${engines.join(', ')} in ${((Date.now() - startedAt) / 1000).toFixed(1)} s.\n`);
  }
  const build = mkdtempSync(join(tmpdir(), 'deadwax-build-'));
  process.once('exit', () => rmSync(build, { recursive: true, force: true }));
  const addresses = Object.fromEntries([
    ...engines.map((engine) => [`DEADWAX_TEST_${engine.toUpperCase()}_URL`, servers.servers[engine].url]),
    // Where the service is compiled by the first test that starts it as a process.
    ['DEADWAX_TEST_BUILD', build],
  ]);
  let code = 0;
  let tally = null;
  for (const phase of phasesOf(projects)) {
    const result = await runJest(addresses, phase);
    code ||= result.code;
    if (result.tally !== null) tally = sum(tally, result.tally);
    if (interruptedBy || isHanging) break;
  }
  await servers.stop();
  if (interruptedBy) return 128 + constants.signals[interruptedBy];
  if (tally === null) {
    if (!isAskedOnly) console.error('Jest ended without a result.');
    return isAskedOnly ? code : code || 1;
  }

  const skipped = tally.skipped > 0 ? `, ${tally.skipped} skipped` : '';
  const duration = ((Date.now() - startedAt) / 1000).toFixed(1);
  console.log(`\nTests took ${duration} s.\n${tally.passed} passed, ${tally.failed} failed${skipped}`);
  if (tally.passed + tally.failed + tally.skipped === 0 && !has('--passWithNoTests')) return code || 1;
  // Whoever names tests by pattern skips the others on purpose; nothing else may skip.
  const maySkip = has('-t', '--testNamePattern');
  return code || (tally.failed > 0 || (tally.skipped > 0 && !maySkip) ? 1 : 0);
}

/** Jest's options for each of its runs. What measures time has the machine to itself, after the rest. */
function phasesOf(projects) {
  const isWhole = isWatching || isAskedOnly || has('--json', '--shard', '--coverage');
  if (isWhole || !projects.includes('alone')) return [[]];
  const others = projects.filter((project) => project !== 'alone');
  if (others.length === 0) return [['--runInBand']];
  // Whoever names files has them in one of the two as a rule: that there are none in either, the tally tells.
  const select = (names) => ['--passWithNoTests', '--selectProjects', ...names];
  return [select(others), ['--runInBand', ...select(['alone'])]];
}

/** Adds up what the runs of Jest told. */
function sum(before, tally) {
  if (before === null) return tally;
  return Object.fromEntries(Object.entries(tally).map(([name, count]) => [name, before[name] + count]));
}

function runJest(addresses, phase) {
  const resolve = createRequire(import.meta.url).resolve;
  const outer = Object.entries(process.env).filter(([name]) => PASSED_ON.test(name));
  const defaults = [
    ...(has('--reporters') ? [] : ['--reporters=default']),
    `--reporters=${fileURLToPath(new URL('support/tally-reporter.cjs', import.meta.url))}`,
    ...phase,
    ...(has('--maxWorkers', '-w', '--runInBand', '-i') || phase.includes('--runInBand')
      ? []
      : [`--maxWorkers=${Math.max(2, availableParallelism())}`]),
    // Last: the option before it would take the first file name for its own.
    `--config=${fileURLToPath(new URL('../jest.config.js', import.meta.url))}`,
  ];
  jest = spawn(process.execPath, [resolve('jest/bin/jest'), ...defaults, ...passedOn(phase)], {
    env: { ...Object.fromEntries(outer), TZ: TIME_ZONE, ...addresses },
    stdio: [isWatching ? 'inherit' : 'ignore', 'inherit', 'inherit', 'ipc'],
    // A process group, so that its workers can be ended with it; watching needs the terminal, and so our group.
    detached: !isWatching,
  });

  let tally = null;
  let overdue = null;
  jest.on('message', (message) => {
    if (message?.type !== 'tally') return;
    tally = message.tally;
    if (isWatching) return;
    overdue = setTimeout(() => {
      isHanging = true;
      console.error(
        `Jest is done but does not exit: a test left something open (find it with --detectOpenHandles).`,
      );
      killJest('SIGKILL');
    }, EXIT_GRACE_MS);
  });
  return new Promise((resolve, reject) => {
    jest.once('error', reject);
    jest.once('exit', (code) => {
      clearTimeout(overdue);
      resolve({ code: isHanging ? 1 : (code ?? 1), tally });
    });
  });
}

function interrupt(signal) {
  const isRepeated = interruptedBy !== null;
  interruptedBy ??= signal;
  // Whatever is still running by then notices by itself that this process is gone: servers, and Jest through its reporter.
  if (jest === null || isRepeated) process.exit(128 + constants.signals[signal]);
  killJest(signal);
  setTimeout(() => killJest('SIGKILL'), KILL_GRACE_MS).unref();
}

function killJest(signal) {
  try {
    if (jest.pid) process.kill(isWatching ? jest.pid : -jest.pid, signal);
  } catch {
    // Gone already.
  }
}

/** Which projects Jest will run, as far as its arguments tell. */
function selectedProjects() {
  const all = Object.keys(ENGINES_BY_PROJECT);
  const selected = valuesOf('--selectProjects');
  const ignored = valuesOf('--ignoreProjects');
  return all.filter((each) => (selected.length === 0 || selected.includes(each)) && !ignored.includes(each));
}

/** The arguments, without a choice of projects where the run has its own. */
function passedOn(phase) {
  if (!phase.includes('--selectProjects')) return args;
  let isOurs = false;
  return args.filter((arg) => {
    if (arg.startsWith('-')) isOurs = ['--selectProjects', '--ignoreProjects'].includes(arg.split('=')[0]);
    return !isOurs;
  });
}

/** An option of Jest's that takes a list takes everything up to the next option. */
function valuesOf(option) {
  const values = [];
  let isOurs = false;
  for (const arg of args) {
    if (arg.startsWith('-')) {
      const [name, ...value] = arg.split('=');
      isOurs = name === option;
      if (isOurs && value.length > 0) values.push(value.join('='));
    } else if (isOurs) {
      values.push(arg);
    }
  }
  return values;
}
