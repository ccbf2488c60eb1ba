import { applyDecorators, createParamDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';
import { ApiBearerAuth } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
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
}

/** Anyone may call it, without a token. */
export const Public = (): MethodDecorator => SetMetadata(POLICY, { kind: 'public' } satisfies Policy);

/** Any valid token may call it. */
export const AnyToken = (): MethodDecorator =>
  applyDecorators(SetMetadata(POLICY, { kind: 'any-token' } satisfies Policy), ApiBearerAuth('bearer'));

/** A valid token with this scope may call it. */
export const RequiresScope = (scope: Scope): MethodDecorator =>
  applyDecorators(SetMetadata(POLICY, { kind: 'scope', scope } satisfies Policy), ApiBearerAuth('bearer'));

/** The caller, on handlers that are not public. */
export const CurrentCaller = createParamDecorator((_: unknown, context: ExecutionContext): Caller => {
  const { caller } = context.switchToHttp().getRequest<AuthenticatedRequest>();
  if (caller === undefined)
    throw new Error('CurrentCaller on a handler that lets callers in without a token');
  return caller;
});
