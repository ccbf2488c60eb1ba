/** What a token may do. Compared exactly; no scope includes another. */
export const SCOPES = [
  'tracks:read',
  'tracks:write',
  'imports:read',
  'imports:write',
  'tokens:admin',
  'ops:read',
] as const;
export type Scope = (typeof SCOPES)[number];

/** Names for sets of scopes. */
export const ROLES = {
  reader: ['tracks:read', 'imports:read'],
  editor: ['tracks:read', 'imports:read', 'tracks:write', 'imports:write'],
  operator: ['ops:read'],
  admin: SCOPES,
} as const satisfies Record<string, readonly Scope[]>;
export type Role = keyof typeof ROLES;
