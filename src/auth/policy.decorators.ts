import { applyDecorators, createParamDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';
import { ApiBearerAuth } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { callOf } from '../graphql/graphql-context';
import { RouteFacts } from '../common/route-facts';
import type { Caller } from './caller';
import type { Scope } from './scopes';

/** Who may call a handler. A handler without a policy can be called by nobody. */
export type Policy =
  | { readonly kind: 'public' }
  | { readonly kind: 'any-token' }
  | { readonly kind: 'scope'; readonly scope: Scope };

export const POLICY = 'deadwax:policy';

export interface AuthenticatedRequest extends FastifyRequest {
  caller?: Caller;
  /** The scope for want of which a part of an answer was denied (GraphQL). */
  deniedScope?: Scope;
}

/** Anyone may call it, without a token. */
export const Public = (): MethodDecorator => SetMetadata(POLICY, { kind: 'public' } satisfies Policy);

/** Any valid token may call it. */
export const AnyToken = (): MethodDecorator =>
  applyDecorators(SetMetadata(POLICY, { kind: 'any-token' } satisfies Policy), ApiBearerAuth('bearer'));

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The scope that callers need: known to the server, which so refuses before it reads a body. */
    readonly scope?: Scope;
  }
}

/** A valid token with this scope may call it. */
export const RequiresScope = (scope: Scope): MethodDecorator =>
  applyDecorators(
    SetMetadata(POLICY, { kind: 'scope', scope } satisfies Policy),
    RouteFacts({ scope }),
    ApiBearerAuth('bearer'),
  );

/** The caller, on handlers that are not public. */
export const CurrentCaller = createParamDecorator((_: unknown, context: ExecutionContext): Caller => {
  const { caller } = callOf(context).request as AuthenticatedRequest;
  if (caller === undefined)
    throw new Error('CurrentCaller on a handler that lets callers in without a token');
  return caller;
});
