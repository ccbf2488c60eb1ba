import type { ArgumentsHost } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** What resolvers of one operation share: the HTTP call that it came by, and what was read for it. */
export class GraphqlContext {
  private readonly shared = new Map<unknown, unknown>();

  constructor(
    readonly request: FastifyRequest,
    readonly reply: FastifyReply,
  ) {}

  /** What is kept under a key for this operation; made at the first use. */
  share<T>(key: unknown, make: () => T): T {
    let found = this.shared.get(key) as T | undefined;
    if (found === undefined) {
      found = make();
      this.shared.set(key, found);
    }
    return found;
  }
}

/** The HTTP call that a handler serves, be it of a controller or of a resolver. */
export function callOf(host: ArgumentsHost): {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
} {
  if (host.getType<string>() === 'graphql') return host.getArgByIndex<GraphqlContext>(2);
  const http = host.switchToHttp();
  return { request: http.getRequest<FastifyRequest>(), reply: http.getResponse<FastifyReply>() };
}
