import { applyDecorators } from '@nestjs/common';
import { ApiProduces } from '@nestjs/swagger';
import { RouteFacts } from './route-facts';

declare module 'fastify' {
  interface FastifyContextConfig {
    readonly produces?: readonly string[];
  }
}

/** Says that a handler answers in one of these media types in place of JSON: `Accept` is held against them. */
export function Produces(...mediaTypes: string[]): MethodDecorator {
  return applyDecorators(RouteFacts({ produces: mediaTypes }), ApiProduces(...mediaTypes));
}

/** The media types that a route answers in, by the configuration that Fastify keeps of it. */
export function producedBy(config: unknown): readonly string[] {
  return (config as { produces?: readonly string[] } | undefined)?.produces ?? ['application/json'];
}
