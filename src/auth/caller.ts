import type { Scope } from './scopes';

/** Who is calling, and what they may do. */
export interface Caller {
  /** Id of the API token, or `sub` of the JWT. */
  readonly subject: string;
  readonly kind: 'api-token' | 'jwt';
  readonly scopes: readonly Scope[];
  readonly expiresAt: Date | null;
}
