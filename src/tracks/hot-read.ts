import { type ExecutionContext, Injectable } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { IncomingMessage } from 'node:http';
import { AuthGuard, type Handler } from '../auth/auth.guard';
import type { Caller } from '../auth/caller';
import { sendJson } from '../common/json-reply';
import { ShortWay, type ShortRoute } from '../common/short-way';
import type { FinishedCall } from '../observability/request-log';
import { isIsrc, type Isrc, requireIsrc } from '../recording/isrc';
import { TracksController } from './tracks.controller';
import { TracksService } from './tracks.service';

const PREFIX = '/v1/tracks/';
const ROUTE = `${PREFIX}:isrc`;

/**
 * The shorter way of `GET /v1/tracks/{isrc}`, which clients call a thousand times for each write: answered before Nest's
 * pipeline, which would take as long again. The guard with the handler's policy, the hooks of the server, the log and the
 * problems are the same ones. Whatever is out of the ordinary goes on to the controller.
 */
@Injectable()
export class HotRead {
  private readonly handler = Object.getOwnPropertyDescriptor(TracksController.prototype, 'show')
    ?.value as Handler;

  /** What the way before Fastify failed of. */
  private readonly failures = new WeakMap<IncomingMessage, unknown>();

  constructor(
    private readonly guard: AuthGuard,
    private readonly tracks: TracksService,
  ) {}

  /** Call before the routes are registered. */
  serve(server: FastifyInstance): void {
    server.addHook('onRoute', (route) => {
      if (route.url !== ROUTE || !['GET', 'HEAD'].includes(String(route.method))) return;
      route.preHandler = (request, reply) => this.answer(request, reply);
    });
  }

  private async answer(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> {
    for (const _ in request.query as object) return undefined; // to be refused, by its name
    await this.guard.canActivate(this.contextOf(request, reply));
    if (this.failures.has(request.raw)) throw this.failures.get(request.raw);
    const isrc = requireIsrc((request.params as { isrc: string }).isrc);
    const { body, tag } = await this.tracks.getTrack(isrc);
    reply.header('content-location', `/v1/tracks/${isrc}`).header('etag', `"${tag}"`);
    return reply.send(sendJson(reply, body));
  }

  /**
   * The way before Fastify, for calls that are as plain as most are.
   * @param isReady whether calls are answered at all
   * @param tell is called with each call that was answered so: the server's hooks do not meet it
   */
  serveShort(server: FastifyInstance, isReady: () => boolean, tell: (call: FinishedCall) => void): void {
    const { guard, tracks, handler } = this;
    const route: ShortRoute<Caller> = {
      template: ROUTE,
      keyOf: (target) => {
        const isrc = target.startsWith(PREFIX) ? target.slice(PREFIX.length) : null;
        return isIsrc(isrc) ? isrc : null;
      },
      recognise: (raw) => guard.recognise(raw, handler),
      charge: (caller) => guard.charge(caller),
      noteCharged: (raw, limits) => {
        guard.noteCharged(raw, limits);
      },
      noteFailed: (raw, error) => {
        this.failures.set(raw, error);
      },
      find: (isrc) => tracks.findTrack(isrc as Isrc),
    };
    new ShortWay(server.edge, route, isReady, tell).install(server.server);
  }

  /** As much of Nest's context as guards of HTTP ask for. */
  private contextOf(request: FastifyRequest, reply: FastifyReply): ExecutionContext {
    const http = { getRequest: () => request, getResponse: () => reply };
    return {
      getClass: () => TracksController,
      getHandler: () => this.handler,
      getType: () => 'http',
      switchToHttp: () => http,
    } as unknown as ExecutionContext;
  }
}
