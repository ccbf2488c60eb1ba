import { type CustomDecorator, SetMetadata } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import type { FastifyContextConfig } from 'fastify';

const FACTS = 'deadwax:route';

/**
 * Says of a handler what the server has to know before Nest: Fastify keeps it as the route's `config`. Several decorators may each
 * say something; Nest's own `@RouteConfig` would keep the last word alone.
 */
export function RouteFacts(facts: Partial<FastifyContextConfig>): MethodDecorator {
  return (target, key, descriptor) => {
    const handler = descriptor.value as object;
    const all: object = { ...(Reflect.getMetadata(FACTS, handler) as object | undefined), ...facts };
    const decorators: CustomDecorator[] = [SetMetadata(FACTS, all), RouteConfig(all)];
    for (const decorate of decorators) decorate(target as object, key, descriptor);
  };
}
