import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { callerIdOf } from './caller';
import type { AuthenticatedRequest } from './policy.decorators';

const MAX_ACTOR = 300;
const MAX_ADDRESS = 100;
const MAX_USER_AGENT = 200;

/** By whom and from where something was done. */
export interface AuditOrigin {
  /** `api-token:<id>`, `jwt:<sub>`, `cli:<user of the machine>` or `system`. */
  readonly actor: string;
  readonly address: string | null;
  readonly userAgent: string | null;
  readonly requestId: string | null;
}

/** What the service does by itself. */
export const BY_SYSTEM: AuditOrigin = { actor: 'system', address: null, userAgent: null, requestId: null };

/** By whom and from where an HTTP call came; the address as the proxies that are trusted tell it. */
export function originOf(request: AuthenticatedRequest): AuditOrigin {
  return {
    actor: request.caller === undefined ? 'nobody' : cut(callerIdOf(request.caller), MAX_ACTOR),
    address: cut(request.ip, MAX_ADDRESS),
    userAgent: userAgentOf(request),
    requestId: request.id,
  };
}

/** `originOf` as a parameter of a handler. */
export const CurrentOrigin = createParamDecorator((_: unknown, context: ExecutionContext): AuditOrigin =>
  originOf(context.switchToHttp().getRequest<AuthenticatedRequest>()),
);

/** Whatever a client wrote there, a token among it, is not kept as it came. */
function userAgentOf({ headers }: AuthenticatedRequest): string | null {
  const given = headers['user-agent'];
  return given === undefined ? null : cut(given.replace(/\b(dwx_|eyJ)[\w.-]*/g, '$1…'), MAX_USER_AGENT);
}

/** Without what could break a line of a log, or what an engine cannot keep. */
function cut(text: string, length: number): string {
  return text.replace(/[\p{Cc}\p{Cs}]/gu, '\ufffd').slice(0, length);
}
