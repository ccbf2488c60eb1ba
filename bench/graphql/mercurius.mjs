/**
 * The peer: a bare Mercurius server over the same SQLite file, with its own defaults, or with its compiler (BENCH_JIT). It reads what the
 * service reads, a track's stored document, and does nothing else: no authentication, limits, log, metrics or checks.
 */
import Database from 'better-sqlite3';
import Fastify from 'fastify';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const mercurius = createRequire(new URL('../package.json', import.meta.url))('mercurius');
const database = new Database(process.env.BENCH_DATABASE, { readonly: true });
const one = database.prepare('SELECT document FROM track WHERE isrc = ?').pluck();
const page = database.prepare('SELECT document FROM track ORDER BY sort_rank, isrc LIMIT ?').pluck();

const app = Fastify();
app.register(mercurius, {
  schema: readFileSync(new URL('../../schema.gql', import.meta.url), 'utf8'),
  resolvers: {
    Query: {
      track: (_root, { isrc }) => JSON.parse(one.get(isrc)),
      tracks: (_root, { first }) => ({ nodes: page.all(first).map((document) => JSON.parse(document)) }),
    },
  },
  ...(process.env.BENCH_JIT ? { jit: 1 } : {}),
});
const url = await app.listen({ port: 0, host: '127.0.0.1' });

process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send({ cpuMicros: user + system });
});
process.on('disconnect', () => process.exit());
process.send({ url, token: null });
