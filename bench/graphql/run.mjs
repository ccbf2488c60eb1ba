/**
 * `npm run bench:graphql`: one track, and 100 tracks with artists and album, beside REST and beside a bare Mercurius server on the same
 * file. See README.md beside it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cpuOf, median, message, startApart } from '../lib/forked.mjs';

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 7);
const SECONDS = Number(process.env.BENCH_SECONDS ?? 2);
const CONNECTIONS = 16;
const ISRC = 'USWB10102873';
const PAGE = 100;

const bench = fileURLToPath(new URL('..', import.meta.url));
if (!existsSync(join(bench, 'node_modules', 'mercurius')))
  spawnSync('npm', ['ci', '--no-audit'], { cwd: bench, stdio: ['ignore', 2, 2] });
const autocannon = createRequire(new URL('../package.json', import.meta.url))('autocannon');

const SHOWN = `isrc title durationMs explicit popularity discNumber trackNumber
  artists { id name url } album { id title type releaseDate totalTracks url }`;
const ALL = `${SHOWN} previewUrl availableMarkets coverImage { url width height } images { url width height }
  source { name id url fetchedAt } match { rule candidates market } createdAt updatedAt`;
const CALLS = {
  'one track': {
    rest: `/v1/tracks/${ISRC}`,
    query: `query ($isrc: String!) { track(isrc: $isrc) { ${SHOWN} } }`,
    variables: { isrc: ISRC },
  },
  'one track, every field': {
    rest: `/v1/tracks/${ISRC}`,
    query: `query ($isrc: String!) { track(isrc: $isrc) { ${ALL} } }`,
    variables: { isrc: ISRC },
  },
  '100 tracks with artists and album': {
    rest: `/v1/tracks?limit=${PAGE}`,
    query: `query ($first: Int!) { tracks(first: $first) { nodes { ${SHOWN} } } }`,
    variables: { first: PAGE },
  },
};

const folder = mkdtempSync(join(tmpdir(), 'deadwax-bench-graphql-'));
const file = join(folder, 'bench.db');
const children = [];
try {
  await main();
} finally {
  for (const child of children) child.kill();
  rmSync(folder, { recursive: true, force: true });
}

async function main() {
  const ours = await start('../auth/server.mjs', { DATABASE_URL: `sqlite:${file}` });
  await seed(ours);
  const bare = await start('mercurius.mjs', { BENCH_DATABASE: file });
  const compiled = await start('mercurius.mjs', { BENCH_DATABASE: file, BENCH_JIT: '1' });
  console.log('| call | server | calls/s | CPU a call, µs | speed by CPU, of bare Mercurius |');
  console.log('| --- | --- | ---: | ---: | ---: |');
  for (const [name, { rest, query, variables }] of Object.entries(CALLS)) {
    const body = JSON.stringify({ query, variables });
    const graphql = { path: '/graphql', method: 'POST', body };
    const variants = [
      { name: 'bare Mercurius', server: bare, call: graphql },
      { name: 'Mercurius with its compiler', server: compiled, call: graphql },
      { name: 'Deadwax, GraphQL', server: ours, call: graphql },
      { name: 'Deadwax, REST', server: ours, call: { path: rest, method: 'GET' } },
    ];
    const answers = await Promise.all(variants.slice(0, 3).map(({ server, call }) => dataOf(server, call)));
    if (new Set(answers).size !== 1) throw new Error(`the servers do not agree on ${name}`);
    for (const variant of variants) await load(variant, 1);
    const results = variants.map(() => ({ rates: [], micros: [], ratios: [] }));
    for (let round = 0; round < ROUNDS; round++) {
      const measured = [];
      // Turned round by round, so that what disturbs the machine meets each alike.
      for (let step = 0; step < variants.length; step++) {
        const at = (round + step) % variants.length;
        measured[at] = await load(variants[at], SECONDS);
      }
      for (const [at, { rate, micros }] of measured.entries()) {
        results[at].rates.push(rate);
        results[at].micros.push(micros);
        results[at].ratios.push(measured[0].micros / micros);
      }
    }
    for (const [at, { rates, micros, ratios }] of results.entries()) {
      console.log(
        `| ${name} | ${variants[at].name} | ${median(rates).toFixed(0)} | ${median(micros).toFixed(0)} | ${median(ratios).toFixed(2)} |`,
      );
    }
  }
}

/** The sample catalogue, all of it. */
async function seed({ url, token }) {
  const catalogue = readFileSync(new URL('../../src/sample/catalogue.json', import.meta.url), 'utf8');
  const isrcs = [...new Set(catalogue.match(/\b[A-Z]{2}[A-Z0-9]{3}\d{7}\b/g))];
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  // By calls of their own: the process under measurement does no work in the background.
  for (let at = 0; at < isrcs.length; at += CONNECTIONS) {
    const calls = isrcs.slice(at, at + CONNECTIONS).map(async (isrc) => {
      await (
        await fetch(`${url}/v1/tracks`, { method: 'POST', headers, body: JSON.stringify({ isrc }) })
      ).text();
    });
    await Promise.all(calls);
  }
}

async function dataOf({ url, token }, { path, method, body }) {
  const headers = {
    'content-type': 'application/json',
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
  };
  const { data } = await (await fetch(url + path, { method, headers, body })).json();
  return JSON.stringify(data);
}

/** One run, and the CPU that the server spent on it. */
async function load({ server: { child, url, token }, call: { path, method, body } }, seconds) {
  const before = await cpuOf(child);
  const headers = {
    'content-type': 'application/json',
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
  };
  const result = await autocannon({
    url: url + path,
    method,
    headers,
    ...(body ? { body } : {}),
    connections: CONNECTIONS,
    duration: seconds,
  });
  const after = await cpuOf(child);
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${result.non2xx} calls were refused: ${url + path}`);
  return { rate: result['2xx'] / result.duration, micros: (after - before) / result['2xx'] };
}

async function start(name, settings) {
  const child = startApart(new URL(name, import.meta.url), settings);
  children.push(child);
  return { child, ...(await message(child)) };
}
