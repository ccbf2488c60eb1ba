import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { AppError } from '../common/app-error';
import { ApiTokensService } from './api-tokens.service';
import type { Caller } from './caller';
import { type AuthenticatedRequest, type Policy, POLICY } from './policy.decorators';

const REALM = 'Bearer realm="deadwax"';
const MAX_TOKEN_LENGTH = 4096;

/**
 * Lets in whom the handler's policy names (RFC 6750), by the `Authorization` header alone. A handler without a policy
 * lets nobody in.
 */
@Injectable()
export class AuthGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly apiTokens: ApiTokensService,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const policy = this.reflector.get<Policy | undefined>(POLICY, context.getHandler());
    if (policy?.kind === 'public') return true;
    const request = context.switchToHttp().getRequest<AuthenticatedRequest>();
    const caller = await this.authenticate(request);
    request.caller = caller;
    if (policy === undefined) {
      throw new Error(`${context.getClass().name}.${context.getHandler().name} declares no policy`);
    }
    if (policy.kind === 'scope' && !caller.scopes.includes(policy.scope)) {
      throw new AppError('insufficient-scope', `This call needs the scope ${policy.scope}.`, {
        headers: { 'www-authenticate': `${REALM}, error="insufficient_scope", scope="${policy.scope}"` },
      });
    }
    return true;
  }

  private async authenticate(request: AuthenticatedRequest): Promise<Caller> {
    const [header, second] = request.raw.headersDistinct['authorization'] ?? [];
    if (header === undefined || !/^bearer\b/i.test(header)) {
      throw new AppError('unauthenticated', 'This call needs a bearer token in the Authorization header.', {
        headers: { 'www-authenticate': REALM },
      });
    }
    const text = /^bearer +([\x21-\x7e]+) *$/i.exec(header)?.[1];
    const isOneToken = second === undefined && text !== undefined && text.length <= MAX_TOKEN_LENGTH;
    const caller = isOneToken ? await this.apiTokens.authenticate(text, new Date()) : null;
    if (caller === null) {
      throw new AppError('unauthenticated', 'The token is malformed, unknown, expired or revoked.', {
        headers: { 'www-authenticate': `${REALM}, error="invalid_token"` },
      });
    }
    return caller;
  }
}
