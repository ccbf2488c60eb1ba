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
function contained(args, settings = {}) {
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
    env: { PATH: process.env.PATH, ...ENVIRONMENT, ...settings },
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

/** Starts the server and waits until it has said so. */
async function serve(settings) {
  const startedAt = Date.now();
  const server = contained([...entry, 'serve'], settings);
  process.on('exit', () => server.child.kill('SIGKILL'));
  while (!server.output.includes('Deadwax is ready')) {
    assert.ok(server.child.exitCode === null && Date.now() - startedAt < 30_000, server.output);
    await sleep(20);
  }
  return { ...server, ms: Date.now() - startedAt };
}

const server = await serve();
const [token] = /dwx_[0-9A-Za-z]{38}/.exec(server.output) ?? [];
console.log(`ready after ${server.ms} ms, offline, on SQLite`);

// The proc of the image: the one outside counts processes from another beginning.
const field = (name, { child } = server) =>
  new RegExp(`^${name}:\\s+(.+)$`, 'm').exec(readFileSync(`${ROOT}/proc/${child.pid}/status`, 'utf8'))?.[1];
const residentMib = (of) => Math.round(parseInt(field('VmRSS', of)) / 1024);
assert.match(field('Uid'), /^65532\s+65532\s+65532\s+65532$/);
assert.match(field('Gid'), /^65532\s/);
for (const set of ['CapEff', 'CapPrm', 'CapInh', 'CapAmb']) assert.match(field(set), /^0+$/, set);
assert.equal(field('NoNewPrivs'), '1');
console.log(`uid ${field('Uid').split(/\s/)[0]}, no capabilities, ${residentMib()} MiB resident`);

const base = `http://127.0.0.1:${ENVIRONMENT.PORT}`;
const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
async function statusOf(path, init) {
  const response = await fetch(base + path, init);
  await response.arrayBuffer();
  return response.status;
}
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
const page = await (await fetch(`${base}/graphql`, { headers: { accept: 'text/html' } })).text();
const assets = [...page.matchAll(/(?:src|href)="(\/graphql\/[^"]+)"/g)].map(([, file]) => file);
assert.ok(assets.length >= 4, page);
for (const file of assets) assert.equal(await statusOf(file), 200, file);
const query = JSON.stringify({ query: `{ track(isrc: "${ISRC}") { title } me { scopes } }` });
const answer = await (await fetch(`${base}/graphql`, { method: 'POST', headers, body: query })).json();
assert.ok(answer.data?.track?.title && !answer.errors, JSON.stringify(answer));
console.log('it serves, by REST and GraphQL, with the pages of both');

const described = await (await fetch(`${base}/openapi.json`)).json();
assert.deepEqual(described, JSON.parse(readFileSync('openapi.json', 'utf8')));
// Drivers and sinks that were not loaded so far: the program takes packages by require().
const loading = await run(
  '-e',
  `const load = require('node:module').createRequire('/app/package.json');
  Object.keys(load('./package.json').dependencies).forEach((name) => load(name)); process.exit(0);`,
);
assert.equal(loading.code, 0, loading.output);
console.log('its description is the one of the repository, and every package of production loads');

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

const busy = await serve({ CLIENT_REQUESTS_PER_MINUTE: '0', LOG_LEVEL: 'warn' });
// By 32 callers, through all of V8's young generation many times over.
const READS = 20_000;
let most = 0;
let left = READS;
const loadBeganAt = Date.now();
await Promise.all(
  Array.from({ length: 32 }, async () => {
    while (left-- > 0) {
      assert.equal(await statusOf(`/v1/tracks/${ISRC}`, { headers }), 200);
      if (left % 100 === 0) most = Math.max(most, residentMib(busy));
    }
  }),
);
const seconds = (Date.now() - loadBeganAt) / 1000;
console.log(
  `${READS} reads, ${Math.round(READS / seconds)} a second: ${most} MiB resident at most, ${residentMib(busy)} after`,
);
busy.child.kill('SIGTERM');
assert.equal(await busy.ended, 0);

// So little room for young objects that the collector runs all the time: what a native package does wrong then shows.
const narrow = await serve({
  NODE_OPTIONS: '--max-semi-space-size=1',
  DATABASE_URL: 'sqlite:/data/narrow.db',
});
for (let reads = 0; reads < 2000; reads++) assert.equal(await statusOf('/health/ready'), 200);
narrow.child.kill('SIGTERM');
assert.equal(await narrow.ended, 0, narrow.output);
console.log('with a busy garbage collector it serves too');

// Loaded only where they are set: nobody answers them here.
const told = await serve({
  SENTRY_DSN: 'http://key@127.0.0.1:9/1',
  OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9',
  NEW_RELIC_LICENSE_KEY: '0123456789abcdef0123456789abcdef01234567',
});
assert.equal(await statusOf(`/v1/tracks/${ISRC}`, { headers }), 200);
console.log(
  `with Sentry, OpenTelemetry and New Relic it is ready after ${told.ms} ms, ${residentMib(told)} MiB`,
);
told.child.kill('SIGTERM');
assert.equal(await told.ended, 0);
