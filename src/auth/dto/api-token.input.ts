import { z } from 'zod';
import { pageQuery } from '../../common/page';
import { expiryTime, MAX_OVERLAP_SECONDS, normaliseScopes, tokenName } from '../api-token.rules';
import { ROLES, type Role, SCOPES } from '../scopes';

const ROLE_NAMES = Object.keys(ROLES) as [Role, ...Role[]];

/** Body of `POST /v1/tokens`. */
export const createTokenBody = z
  .strictObject({
    name: tokenName
      .describe('What it is for.')
      .meta({ minLength: 1, maxLength: 200, examples: ['Royalty team'] }),
    scopes: z
      .array(z.enum(SCOPES, { error: `must be one of ${SCOPES.join(', ')}` }))
      .min(1, 'must have at least one scope')
      .max(50, 'must have each scope once')
      .optional()
      .describe('What it may do. Either this or `role`; you must have each of them.'),
    role: z
      .enum(ROLE_NAMES, { error: `must be one of ${ROLE_NAMES.join(', ')}` })
      .optional()
      .describe('A set of scopes by its name.'),
    expiresAt: expiryTime
      .nullish()
      .describe('When it ends (RFC 3339, in the future). None: not until it is revoked.'),
  })
  .superRefine(({ scopes, role }, context) => {
    if ((scopes === undefined) === (role === undefined)) {
      context.addIssue({
        code: 'custom',
        path: ['scopes'],
        message: 'must be given, or else role: one of the two',
      });
    }
  })
  .transform(({ name, scopes, role, expiresAt }) => ({
    name,
    scopes: normaliseScopes(scopes ?? (role === undefined ? [] : ROLES[role])),
    expiresAt: typeof expiresAt === 'string' ? new Date(expiresAt) : null,
  }))
  .meta({ id: 'CreateToken' });
export type CreateTokenBody = z.infer<typeof createTokenBody>;

/** Body of `POST /v1/tokens/{id}/rotate`; none at all is one without fields. */
export const rotateTokenBody = z
  .strictObject({
    overlapSeconds: z
      .int(`must be a whole number from 0 to ${MAX_OVERLAP_SECONDS}`)
      .min(0, `must be a whole number from 0 to ${MAX_OVERLAP_SECONDS}`)
      .max(MAX_OVERLAP_SECONDS, `must be a whole number from 0 to ${MAX_OVERLAP_SECONDS}`)
      .default(0)
      .describe('How long the old text may be used on. A text from a rotation before that ends at once.'),
  })
  .nullish()
  .meta({ id: 'RotateToken' });
export type RotateTokenBody = z.infer<typeof rotateTokenBody>;

/** Query of `GET /v1/tokens`. */
export const listTokensQuery = z.strictObject(pageQuery);
export type ListTokensQuery = z.infer<typeof listTokensQuery>;
