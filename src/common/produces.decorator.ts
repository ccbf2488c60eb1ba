import { applyDecorators } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiProduces } from '@nestjs/swagger';

/** Says that a handler answers in one of these media types in place of JSON: `Accept` is held against them. */
export function Produces(...mediaTypes: string[]): MethodDecorator {
  return applyDecorators(RouteConfig({ produces: mediaTypes }), ApiProduces(...mediaTypes));
}

/** The media types that a route answers in, by the configuration that Fastify keeps of it. */
export function producedBy(config: unknown): readonly string[] {
  return (config as { produces?: readonly string[] } | undefined)?.produces ?? ['application/json'];
}
