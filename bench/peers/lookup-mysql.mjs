/**
 * The bare driver for a lookup of many: one statement with the codes listed, `JSON.stringify`, Node's HTTP server. `BENCH_VARIANT`
 * document: the finished documents, parsed and put into the answer; join: the rows of track, album and artists.
 */
import { createServer } from 'node:http';
import mysql from 'mysql2/promise';
import { AUTHORIZATION, HOST, JOIN, PORT, toView, VARIANT } from './peer.mjs';

const pool = mysql.createPool({ uri: process.env.DATABASE_URL, connectionLimit: 10, timezone: 'Z' });

async function findTracks(isrcs) {
  if (VARIANT === 'document') {
    const [rows] = await pool.query('SELECT isrc, document FROM documents WHERE isrc IN (?)', [isrcs]);
    return new Map(rows.map(({ isrc, document }) => [isrc, JSON.parse(document)]));
  }
  const [rows] = await pool.query(`${JOIN} WHERE t.isrc IN (?) ORDER BY t.isrc, ta.position`, [isrcs]);
  const byIsrc = Map.groupBy === undefined ? groupByIsrc(rows) : Map.groupBy(rows, ({ isrc }) => isrc);
  return new Map([...byIsrc].map(([isrc, of]) => [isrc, toView(of[0], of)]));
}

function groupByIsrc(rows) {
  const groups = new Map();
  for (const row of rows) {
    const group = groups.get(row.isrc);
    if (group === undefined) groups.set(row.isrc, [row]);
    else group.push(row);
  }
  return groups;
}

async function answer(request, response) {
  if (request.url === '/health/live') return response.end('{"status":"ok"}');
  if (request.headers.authorization !== AUTHORIZATION) return response.writeHead(401).end();
  const parts = [];
  for await (const part of request) parts.push(part);
  const { isrcs } = JSON.parse(Buffer.concat(parts).toString());
  const tracks = await findTracks(isrcs);
  const results = isrcs.map((isrc) => {
    const track = tracks.get(isrc) ?? null;
    return { input: isrc, isrc, status: track === null ? 'missing' : 'found', track };
  });
  const body = JSON.stringify({ results });
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
  return response.end(body);
}

createServer((request, response) => {
  answer(request, response).catch((error) => {
    console.error(error);
    response.writeHead(500).end();
  });
}).listen(PORT, HOST);
