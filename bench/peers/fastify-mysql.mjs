/** Fastify and mysql2, as one writes it by hand: prepared statements, a pool, no layers. `BENCH_VARIANT` join or document. */
import fastify from 'fastify';
import mysql from 'mysql2/promise';
import { AUTHORIZATION, HOST, JOIN, PORT, toView, VARIANT } from './peer.mjs';

const pool = mysql.createPool({ uri: process.env.DATABASE_URL, connectionLimit: 10, timezone: 'Z' });
const app = fastify();

app.addHook('onRequest', async (request, reply) => {
  if (request.url !== '/health/live' && request.headers.authorization !== AUTHORIZATION) {
    return reply.status(401).send({ error: 'unauthorized' });
  }
});
app.get('/health/live', () => ({ status: 'ok' }));

if (VARIANT === 'document') {
  app.get('/v1/tracks/:isrc', async (request, reply) => {
    const [rows] = await pool.execute('SELECT document FROM documents WHERE isrc = ?', [request.params.isrc]);
    if (rows.length === 0) return reply.status(404).send({ error: 'not found' });
    return reply.type('application/json').send(rows[0].document);
  });
} else {
  app.get('/v1/tracks/:isrc', async (request, reply) => {
    const [rows] = await pool.execute(`${JOIN} WHERE t.isrc = ? ORDER BY ta.position`, [request.params.isrc]);
    if (rows.length === 0) return reply.status(404).send({ error: 'not found' });
    return toView(rows[0], rows);
  });
}

await app.listen({ port: PORT, host: HOST });
