import type { Scope } from './scopes';

/** Who is calling, and what they may do. */
export interface Caller {
  /** Id of the API token, or `sub` of the JWT. */
  readonly subject: string;
  readonly kind: 'api-token' | 'jwt';
  readonly scopes: readonly Scope[];
  readonly expiresAt: Date | null;
}

/** Tells callers apart, whatever their kind: the subject of a JWT may look like the id of a token. */
export function callerIdOf({ kind, subject }: Caller): string {
  return `${kind}:${subject}`;
}
