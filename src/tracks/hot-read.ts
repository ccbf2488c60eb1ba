import { type ExecutionContext, Injectable } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AuthGuard } from '../auth/auth.guard';
import { sendJson } from '../common/json-reply';
import { requireIsrc } from '../recording/isrc';
import { TracksController } from './tracks.controller';
import { TracksService } from './tracks.service';

const ROUTE = '/v1/tracks/:isrc';

/**
 * The shorter way of `GET /v1/tracks/{isrc}`, which clients call a thousand times for each write: answered before Nest's
 * pipeline, which would take as long again. The guard with the handler's policy, the hooks of the server, the log and the
 * problems are the same ones. Whatever is out of the ordinary goes on to the controller.
 */
@Injectable()
export class HotRead {
  private readonly handler: unknown = Object.getOwnPropertyDescriptor(TracksController.prototype, 'show')
    ?.value;

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
    const isrc = requireIsrc((request.params as { isrc: string }).isrc);
    const { body, tag } = await this.tracks.getTrack(isrc);
    reply.header('content-location', `/v1/tracks/${isrc}`).header('etag', `"${tag}"`);
    return reply.send(sendJson(reply, body));
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
