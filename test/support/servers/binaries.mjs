import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const SYSTEM_FOLDERS = ['/usr/sbin', '/usr/bin', '/usr/local/sbin', '/usr/local/bin', '/opt/homebrew/bin'];
const POLICY = '/usr/sbin/policy-rc.d';

const PACKAGES = {
  mariadb: 'mariadb-server',
  postgres: 'postgresql',
  redis: 'redis-server',
  chromium: 'chromium',
  prometheus: 'prometheus',
  haproxy: 'haproxy',
  shellcheck: 'shellcheck',
};

/** Says what a person has to do before the tests can run. */
export class MissingServerError extends Error {}

/**
 * Finds the programs of each engine, and installs the packages that hold them where this process may.
 * @returns {Record<string, { server: string, init?: string }>} absolute paths by engine
 * @throws MissingServerError
 */
export function ensureBinaries(engines) {
  const missing = engines.filter((engine) => findBinaries(engine) === null);
  if (missing.length > 0) install(missing);
  return Object.fromEntries(engines.map((engine) => [engine, findBinaries(engine) ?? refuse([engine])]));
}

function findBinaries(engine) {
  if (engine === 'mariadb') {
    // Not mysqld: under that name a machine may offer MySQL, whose options and dialect differ.
    const server = findProgram('mariadbd', systemFolders());
    const init = findProgram('mariadb-install-db', systemFolders());
    return server && init ? { server, init } : null;
  }
  if (engine === 'chromium') {
    // The browser that opens the pages.
    const server =
      findProgram('chromium', systemFolders()) ?? findProgram('chromium-browser', systemFolders());
    return server ? { server } : null;
  }
  if (['redis', 'haproxy', 'shellcheck'].includes(engine)) {
    const server = findProgram(engine === 'redis' ? 'redis-server' : engine, systemFolders());
    return server ? { server } : null;
  }
  if (engine === 'prometheus') {
    const server = findProgram('prometheus', systemFolders());
    const init = findProgram('promtool', systemFolders());
    return server && init ? { server, init } : null;
  }
  // Debian keeps these out of the PATH, a folder for each major version.
  const folders = [...versionFolders('/usr/lib/postgresql'), ...systemFolders()];
  const folder = folders.find((each) => findProgram('postgres', [each]) && findProgram('initdb', [each]));
  return folder ? { server: join(folder, 'postgres'), init: join(folder, 'initdb') } : null;
}

function systemFolders() {
  return [...(process.env.PATH ?? '').split(delimiter).filter(Boolean), ...SYSTEM_FOLDERS];
}

function versionFolders(root) {
  if (!existsSync(root)) return [];
  return readdirSync(root)
    .filter((name) => /^\d+$/.test(name))
    .sort((left, right) => Number(right) - Number(left))
    .map((version) => join(root, version, 'bin'));
}

function findProgram(name, folders) {
  for (const folder of folders) {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return join(folder, name);
    } catch {
      // Not in this folder.
    }
  }
  return null;
}

function install(engines) {
  const asRoot = rootPrefix();
  if (asRoot === null || !findProgram('apt-get', systemFolders())) refuse(engines);
  const packages = engines.map((engine) => PACKAGES[engine]);
  console.error(`Installing for the tests: ${packages.join(', ')}`);
  withoutServiceStart(asRoot, () => {
    run(asRoot, ['apt-get', 'update', '-qq']);
    run(asRoot, ['apt-get', 'install', '-y', '-qq', '--no-install-recommends', ...packages]);
  });
}

/** A person's sudo is not ours to use; on a CI machine it is there for exactly this. */
function rootPrefix() {
  if (process.getuid() === 0) return [];
  const may = process.env.CI && spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0;
  return may ? ['sudo', '-n'] : null;
}

/** The packages start a server of their own; this is Debian's way to say no. A policy that is there already stays. */
function withoutServiceStart(asRoot, action) {
  if (existsSync(POLICY)) return action();
  const policy = '#!/bin/sh\nexit 101\n';
  if (asRoot.length === 0) {
    writeFileSync(POLICY, policy, { mode: 0o755 });
  } else {
    run(asRoot, ['sh', '-c', `printf '%s' "$1" > "$2" && chmod 755 "$2"`, 'sh', policy, POLICY]);
  }
  try {
    return action();
  } finally {
    if (asRoot.length === 0) rmSync(POLICY, { force: true });
    else spawnSync(asRoot[0], [...asRoot.slice(1), 'rm', '-f', POLICY], { stdio: 'inherit' });
  }
}

function run(asRoot, command) {
  const settings = ['DEBIAN_FRONTEND=noninteractive', 'LC_ALL=C'];
  const [program, ...rest] = [...asRoot, 'env', ...settings, ...command];
  // Output goes to stderr: stdout is for the summary of the tests.
  const { status, error } = spawnSync(program, rest, { stdio: ['ignore', 2, 2] });
  if (status !== 0)
    throw new MissingServerError(`"${command.join(' ')}" failed: ${error?.message ?? `code ${status}`}`);
}

function refuse(engines) {
  const packages = engines.map((engine) => PACKAGES[engine]).join(' ');
  throw new MissingServerError(
    `The tests start their own servers and browser, and the programs of ${engines.join(' and ')} are not installed.\n` +
      `Install them, e.g.: sudo apt-get install --no-install-recommends ${packages}\n` +
      '(no running server is needed: each run starts private ones and removes them)',
  );
}
