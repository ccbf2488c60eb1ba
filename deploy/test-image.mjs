/**
 * Runs the image's own command line and server, as test-image.sh has set the stage, and tries them.
 * Usage: node deploy/test-image.mjs ROOT (the root file system of the image)
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const ROOT = process.argv[2];
const ISRC = 'USWB10102873';
const ENVIRONMENT = { HOST: '0.0.0.0', PORT: '3000', DATABASE_URL: 'sqlite:/data/deadwax.db' };

/** A process in the image: no privileges are left once the user is changed, and none can be gained. */
function contained(args) {
  const command = [
    '--no-new-privs',
    'chroot',
    '--userspec=65532:65532',
    '--groups=',
    ROOT,
    '/nodejs/bin/node',
    ...args,
  ];
  const child = spawn('setpriv', command, {
    env: { PATH: process.env.PATH, ...ENVIRONMENT },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const running = { child, output: '' };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => (running.output += text));
  }
  running.ended = new Promise((resolve) => child.once('close', (code, signal) => resolve(code ?? signal)));
  return running;
}

async function run(...args) {
  const running = contained(args);
  return { code: await running.ended, output: running.output };
}

const entry = ['--enable-source-maps', '/app/dist/cli/main.js'];
const startedAt = Date.now();
const server = contained([...entry, 'serve']);
process.on('exit', () => server.child.kill('SIGKILL'));
let token = null;
while (token === null) {
  token = /dwx_[0-9A-Za-z]{38}/.exec(server.output)?.[0] ?? null;
  assert.ok(server.child.exitCode === null && Date.now() - startedAt < 30_000, server.output);
  await sleep(20);
}
console.log(`ready after ${Date.now() - startedAt} ms, offline, on SQLite`);

// The proc of the image: the one outside counts processes from another beginning.
const status = readFileSync(`${ROOT}/proc/${server.child.pid}/status`, 'utf8');
const field = (name) => new RegExp(`^${name}:\\s+(.+)$`, 'm').exec(status)?.[1];
assert.match(field('Uid'), /^65532\s+65532\s+65532\s+65532$/);
assert.match(field('Gid'), /^65532\s/);
for (const set of ['CapEff', 'CapPrm', 'CapInh', 'CapAmb']) assert.match(field(set), /^0+$/, set);
assert.equal(field('NoNewPrivs'), '1');
console.log(
  `uid ${field('Uid').split(/\s/)[0]}, no capabilities, ${Math.round(parseInt(field('VmRSS')) / 1024)} MiB resident`,
);

const base = `http://127.0.0.1:${ENVIRONMENT.PORT}`;
const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
const statusOf = async (path, init) => (await fetch(base + path, init)).status;
assert.equal(
  await statusOf('/v1/tracks', { method: 'POST', headers, body: JSON.stringify({ isrc: ISRC }) }),
  201,
);
assert.equal(await statusOf(`/v1/tracks/${ISRC}`, { headers }), 200);
assert.equal(await statusOf(`/v1/tracks/${ISRC}`), 401);
// What trim.mjs could have cut off.
for (const path of ['/docs', '/openapi.json', '/health/ready', '/problems'])
  assert.equal(await statusOf(path), 200, path);
for (const path of ['/metrics', '/health', '/v1/artists?name=trash', '/v1/exports/tracks?format=csv']) {
  assert.equal(await statusOf(path, { headers }), 200, path);
}
const docs = await (await fetch(`${base}/docs`)).text();
for (const [, file] of docs.matchAll(/(?:src|href)="(\.?\/[^"]+)"/g)) {
  assert.equal(await statusOf(new URL(file, `${base}/docs`).pathname), 200, file);
}
console.log('it serves');

for (const part of ['live', 'ready']) assert.equal((await run('/app/healthcheck.mjs', part)).code, 0, part);
for (const path of ['/app/x', '/x', '/tmp/x', '/app/dist/cli/main.js']) {
  const { output } = await run('-e', `require('fs').writeFileSync('${path}', '')`);
  assert.match(output, /EROFS|EACCES|ENOENT/, path);
}
const list = await run(...entry, 'token', 'list', '--json');
assert.equal(list.code, 0, list.output);
assert.equal((await run(...entry, 'migrate')).code, 0);
console.log('its command line, its health check, and the lock on its files hold');

server.child.kill('SIGTERM');
assert.equal(await server.ended, 0);
assert.equal((await run('/app/healthcheck.mjs', 'live')).code, 1);
console.log('stopped by SIGTERM with exit code 0');
