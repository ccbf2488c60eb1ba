import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyReply } from 'fastify';
import type { IncomingMessage } from 'node:http';
import { ClientLimits, type LimitHeaders } from '../client-limits/client-limits';
import { AppError } from '../common/app-error';
import { callOf } from '../graphql/graphql-context';
import { looksLikeJwt } from '../config/jwt-settings';
import { ApiTokensService } from './api-tokens.service';
import type { Caller } from './caller';
import { MAX_JWT_CHARACTERS } from './jwt-header';
import { JwtVerifier } from './jwt-verifier';
import { type AuthenticatedRequest, type Policy, POLICY } from './policy.decorators';
import type { Scope } from './scopes';

/** A method of a controller, which carries its policy. */
export type Handler = (...args: never[]) => unknown;

const SCHEME = 'Bearer ';
const REALM = 'Bearer realm="deadwax"';

/**
 * Lets in whom the handler's policy names (RFC 6750), by the `Authorization` header alone. A handler without a policy
 * lets nobody in.
 */
@Injectable()
export class AuthGuard implements CanActivate {
  /** Requests that were charged before they came to `admit`, and what their callers are told of the limits. */
  private readonly charged = new WeakMap<IncomingMessage, LimitHeaders | null>();

  constructor(
    private readonly reflector: Reflector,
    private readonly apiTokens: ApiTokensService,
    @Inject(JwtVerifier) private readonly jwts: JwtVerifier | null,
    private readonly limits: ClientLimits,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const policy = this.reflector.get<Policy | undefined>(POLICY, context.getHandler());
    if (policy?.kind === 'public') return true;
    const { request, reply } = callOf(context) as { request: AuthenticatedRequest; reply: FastifyReply };
    const caller = request.caller ?? (await this.admit(request, reply));
    if (policy === undefined) {
      throw new Error(`${context.getClass().name}.${context.getHandler().name} declares no policy`);
    }
    if (policy.kind === 'scope') {
      if (!caller.scopes.includes(policy.scope)) request.deniedScope = policy.scope;
      requireScope(caller, policy.scope);
    }
    return true;
  }

  /**
   * Tells who calls, and charges them for the call. Done before the body is read where the route is known to need a token: what
   * nobody may send is not read, and what is no good is charged too.
   * @throws AppError `unauthenticated`, `rate-limited`
   */
  async admit(request: AuthenticatedRequest, reply: FastifyReply): Promise<Caller> {
    const caller = this.recall(request.raw) ?? (await this.identify(request));
    request.caller = caller;
    const known = this.charged.get(request.raw);
    const limits = known === undefined ? await this.limits.charge(caller) : known;
    if (limits !== null) void reply.headers(limits);
    return caller;
  }

  /**
   * The caller of a bare request, where that is known at once and they may call the handler; else null, and `admit` has to tell.
   * Nothing is charged.
   */
  recognise(raw: IncomingMessage, handler: Handler): Caller | null {
    const policy = this.reflector.get<Policy | undefined>(POLICY, handler);
    if (policy?.kind !== 'scope') return null;
    const caller = this.recall(raw);
    return caller?.scopes.includes(policy.scope) === true ? caller : null;
  }

  /**
   * Charges who was recognised for the call.
   * @throws AppError `rate-limited`; nothing is charged then
   */
  charge(caller: Caller): LimitHeaders | null | Promise<LimitHeaders> {
    return this.limits.charge(caller);
  }

  /** The request is charged for already: `admit` does not do it again. */
  noteCharged(raw: IncomingMessage, limits: LimitHeaders | null): void {
    this.charged.set(raw, limits);
  }

  /** A failure is counted against the caller's address, and told as 429 where that has had too many. */
  private async identify(request: AuthenticatedRequest): Promise<Caller> {
    try {
      return await this.authenticate(request);
    } catch (error) {
      if (error instanceof AppError && error.slug === 'unauthenticated')
        await this.limits.countFailure(request.ip);
      throw error;
    }
  }

  /** The caller of a token in use, of whom nothing need be asked or computed. */
  private recall({ headers, rawHeaders }: IncomingMessage): Caller | null {
    const { authorization } = headers;
    if (authorization?.startsWith(SCHEME) !== true || hasSecond(rawHeaders)) return null;
    return this.apiTokens.recall(authorization.slice(SCHEME.length), new Date());
  }

  private async authenticate(request: AuthenticatedRequest): Promise<Caller> {
    const [header, second] = request.raw.headersDistinct['authorization'] ?? [];
    const scheme = header === undefined ? null : /^bearer\b( *)/i.exec(header);
    if (header === undefined || scheme === null) {
      throw new AppError('unauthenticated', 'This call needs a bearer token in the Authorization header.', {
        headers: { 'www-authenticate': REALM },
      });
    }
    const text = scheme[1] === '' ? '' : header.slice(scheme[0].length);
    const isOneToken = second === undefined && text !== '' && text.length <= MAX_JWT_CHARACTERS;
    const caller = isOneToken ? await this.findCaller(text) : null;
    if (caller === null) {
      throw new AppError('unauthenticated', 'The token is malformed, unknown, expired or revoked.', {
        headers: { 'www-authenticate': `${REALM}, error="invalid_token"` },
      });
    }
    return caller;
  }

  /** With an identity provider, a text in the form of a JWT is one of its tokens; all others are API tokens. */
  private findCaller(text: string): Promise<Caller | null> {
    return this.jwts !== null && looksLikeJwt(text)
      ? this.jwts.authenticate(text)
      : this.apiTokens.authenticate(text, new Date());
  }
}

/** @throws AppError `insufficient-scope` */
export function requireScope(caller: Caller, scope: Scope): void {
  if (caller.scopes.includes(scope)) return;
  throw new AppError('insufficient-scope', `This call needs the scope ${scope}.`, {
    headers: { 'www-authenticate': `${REALM}, error="insufficient_scope", scope="${scope}"` },
  });
}

/** Whether there are two `Authorization` headers: of these Node shows the first alone. */
function hasSecond(rawHeaders: readonly string[]): boolean {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    if (name.length === 'authorization'.length && name.toLowerCase() === 'authorization') count += 1;
  }
  return count > 1;
}
