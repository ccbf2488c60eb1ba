/** The ceiling: Node's HTTP server, a token check and one body that never changes. No route, no database, no header but the needed. */
import { createServer } from 'node:http';
import { AUTHORIZATION, HOST, PORT } from './peer.mjs';

const BODY = Buffer.from(JSON.stringify({ isrc: 'QZ1000000000', filler: 'x'.repeat(1_350) }));

createServer((request, response) => {
  if (request.url !== '/health/live' && request.headers.authorization !== AUTHORIZATION) {
    response.writeHead(401).end();
    return;
  }
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': BODY.length });
  response.end(BODY);
}).listen(PORT, HOST);
