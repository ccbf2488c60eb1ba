import type { FastifyReply } from 'fastify';

/** Of every answer that is JSON and no problem. */
export const JSON_MEDIA_TYPE = 'application/json; charset=utf-8';

/** Lets a handler return JSON that is ready: goes out as it is. */
export function sendJson(reply: FastifyReply, text: string): string {
  void reply.header('content-type', JSON_MEDIA_TYPE);
  return text;
}
