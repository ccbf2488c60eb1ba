/**
 * `npm run bench:auth`: what authentication costs, of one check and of a whole call. See README.md beside it.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cpuOf, median, message, startApart } from '../lib/forked.mjs';
import { makeToken, serveKeys } from './provider.mjs';

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 9);
const SECONDS = Number(process.env.BENCH_SECONDS ?? 1);
const CONNECTIONS = 32;
const ISRC = 'USWB10102873';
/** More than the service remembers (10,000): each comes as if for the first time. */
const FRESH_TOKENS = 12_000;
const ALGORITHMS = ['RS256', 'ES256', 'EdDSA'];

const folder = mkdtempSync(join(tmpdir(), 'deadwax-bench-auth-'));
const run = promisify(execFile);
const children = [];
try {
  await run('wrk', ['-v']).catch((error) => {
    // wrk ends with 1 after telling its version.
    if (error.code === 'ENOENT') throw new Error('This needs wrk (Debian: apt-get install wrk).');
  });
  await main();
} finally {
  for (const child of children) child.kill();
  rmSync(folder, { recursive: true, force: true });
}

async function main() {
  const identity = await serveKeys();
  console.error(`Signing ${FRESH_TOKENS} tokens for each algorithm …`);
  const fresh = Object.fromEntries(
    ALGORITHMS.map((alg) => [alg, Array.from({ length: FRESH_TOKENS }, (_, at) => makeToken(alg, at))]),
  );
  await reportChecks(identity, fresh);
  await reportCalls(identity, fresh);
}

async function reportChecks(identity, fresh) {
  const child = start('checks.mjs', identity);
  await message(child);
  child.send(fresh);
  const results = await message(child);
  console.log('| token | first use, µs | repeated, µs |\n| --- | ---: | ---: |');
  for (const { kind, first, repeated } of results) {
    console.log(`| ${kind} | ${median(first).toFixed(1)} | ${median(repeated).toFixed(2)} |`);
  }
}

async function reportCalls(identity, fresh) {
  const servers = {
    guarded: start('server.mjs', identity),
    open: start('server.mjs', { ...identity, BENCH_WITHOUT_AUTH: '1' }),
  };
  const told = { guarded: await message(servers.guarded), open: await message(servers.open) };
  for (const { url, token } of Object.values(told)) {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    await fetch(`${url}/v1/tracks`, { method: 'POST', headers, body: JSON.stringify({ isrc: ISRC }) });
  }
  const variants = [
    { name: 'none, measured again', server: 'open', tokens: [fresh.RS256[0]] },
    { name: 'API token, repeated', server: 'guarded', tokens: [told.guarded.token] },
    ...ALGORITHMS.map((alg) => ({ name: `${alg}, repeated`, server: 'guarded', tokens: [fresh[alg][0]] })),
    ...ALGORITHMS.map((alg) => ({ name: `${alg}, each new`, server: 'guarded', tokens: fresh[alg] })),
  ];
  for (const path of ['/v1/me', `/v1/tracks/${ISRC}`]) {
    const measure = ({ server, tokens }) => load(servers[server], told[server].url + path, tokens);
    for (const variant of variants) for (let run = 0; run < 3; run++) await measure(variant);
    const results = variants.map(({ name }) => ({ name, rates: [], micros: [], rateRatios: [], shares: [] }));
    for (let round = 0; round < ROUNDS; round++) {
      for (const [at, variant] of variants.entries()) {
        // Beside each its own run without authentication: what disturbs the machine disturbs neighbours alike.
        const open = { ...variant, server: 'open' };
        const order = round % 2 === 0 ? [open, variant] : [variant, open];
        const pair = [await measure(order[0]), await measure(order[1])];
        const [without, measured] = round % 2 === 0 ? pair : pair.reverse();
        results[at].rates.push(measured.rate);
        results[at].micros.push(measured.micros);
        results[at].rateRatios.push(measured.rate / without.rate);
        results[at].shares.push(1 - without.micros / measured.micros);
      }
    }
    console.log(`\n\`GET ${path}\`\n`);
    console.log('| authentication | calls/s | calls/s, of none | CPU a call, µs | share of authentication |');
    console.log('| --- | ---: | ---: | ---: | ---: |');
    for (const { name, rates, micros, rateRatios, shares } of results) {
      console.log(
        `| ${name} | ${Math.round(median(rates))} | ${median(rateRatios).toFixed(2)} | ` +
          `${median(micros).toFixed(0)} | ${(median(shares) * 100).toFixed(1)} % |`,
      );
    }
  }
}

/** One run of wrk, the tokens in turn, and the CPU that the server spent on it. */
async function load(server, url, tokens) {
  const script = join(folder, 'tokens.lua');
  writeFileSync(join(folder, 'tokens.txt'), tokens.join('\n'));
  writeFileSync(
    script,
    `local tokens = {}
for line in io.lines("${join(folder, 'tokens.txt')}") do tokens[#tokens + 1] = "Bearer " .. line end
local at = 0
request = function()
  at = at % #tokens + 1
  return wrk.format("GET", nil, { ["Authorization"] = tokens[at] })
end
done = function(summary)
  io.write("requests=" .. summary.requests .. " micros=" .. summary.duration .. " bad=" .. summary.errors.status .. "\\n")
end`,
  );
  const before = await cpuOf(server);
  const args = ['-t1', `-c${CONNECTIONS}`, `-d${SECONDS}s`, '-s', script, url];
  const { stdout } = await run('wrk', args);
  const after = await cpuOf(server);
  const [, requests, micros, bad] = /requests=(\d+) micros=(\d+) bad=(\d+)/.exec(stdout) ?? [];
  if (bad !== '0') throw new Error(`${bad} of ${requests} calls were refused: ${url}`);
  return { rate: (requests / micros) * 1e6, micros: (after - before) / requests };
}

function start(file, settings) {
  const child = startApart(new URL(file, import.meta.url), {
    DATABASE_URL: `sqlite:${join(folder, `${children.length}.db`)}`,
    ...settings,
  });
  children.push(child);
  return child;
}
