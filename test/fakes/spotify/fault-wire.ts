import { IncomingMessage, ServerResponse } from 'node:http';
import { WireFault } from './faults';
import { Reply, send } from './http-reply';
import { Pauses } from './pauses';
import { serverError } from './spotify-errors';

const HUGE_BYTES = 50_000_000;
const CHUNK_BYTES = 65_536;

/** Spoils the right answer on its way to the caller. */
export async function sendSpoiled(
  fault: WireFault,
  exchange: { request: IncomingMessage; response: ServerResponse; reply: Reply; pauses: Pauses },
): Promise<void> {
  const { request, response, reply, pauses } = exchange;
  const bytes = Buffer.from(reply.body);
  const half = bytes.subarray(0, Math.floor(bytes.length / 2));
  switch (fault.kind) {
    case 'stall':
      if (fault.ms === undefined) return;
      await pauses.sleep(fault.ms);
      send(request, response, serverError(504, 'text'));
      return;
    case 'drip':
      response.writeHead(reply.status, { ...reply.headers, 'content-length': String(bytes.length) });
      await drip(response, bytes, pauses, fault.chunkBytes ?? 1, fault.everyMs ?? 50);
      return;
    case 'reset':
      if (fault.when === 'mid-body') {
        response.writeHead(reply.status, { ...reply.headers, 'content-length': String(bytes.length) });
        // The reset must not overtake the half that was written, or the caller sees no headers at all.
        await new Promise<void>((resolve) =>
          response.write(half, () => {
            resolve();
          }),
        );
        await pauses.sleep(20);
      }
      request.socket.resetAndDestroy();
      return;
    case 'truncated':
      response.writeHead(reply.status, { ...reply.headers, 'content-length': String(half.length) });
      response.end(half);
      return;
    case 'huge':
      await flood(response, fault.bytes ?? HUGE_BYTES);
  }
}

async function drip(
  response: ServerResponse,
  bytes: Buffer,
  pauses: Pauses,
  chunkBytes: number,
  everyMs: number,
): Promise<void> {
  response.flushHeaders();
  for (let at = 0; at < bytes.length && !response.destroyed; at += chunkBytes) {
    response.write(bytes.subarray(at, at + chunkBytes));
    await pauses.sleep(everyMs);
  }
  response.end();
}

async function flood(response: ServerResponse, bytes: number): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' });
  response.write('{"tracks":{"items":[],"filler":"');
  const chunk = 'x'.repeat(CHUNK_BYTES);
  for (let sent = 0; sent < bytes && !response.destroyed; sent += CHUNK_BYTES) {
    if (!response.write(chunk)) await roomOrEnd(response);
  }
  response.end('"}}');
}

/** Until more can be written, or the caller has hung up. */
async function roomOrEnd(response: ServerResponse): Promise<void> {
  if (response.destroyed) return;
  await new Promise<void>((resolve) => {
    const settle = (): void => {
      response.off('drain', settle).off('close', settle);
      resolve();
    };
    response.on('drain', settle).on('close', settle);
  });
}
