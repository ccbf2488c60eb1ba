import { z } from 'zod';
import type { Caller } from '../caller';
import { SCOPES } from '../scopes';

export const meView = z
  .object({
    subject: z.string().describe('Id of the API token, or `sub` of the JWT.'),
    kind: z.enum(['api-token', 'jwt']),
    scopes: z.array(z.enum(SCOPES)),
    expiresAt: z.iso.datetime({ precision: 3 }).nullable(),
  })
  .meta({ id: 'Me', description: 'The caller.' });

export function toMeView({ subject, kind, scopes, expiresAt }: Caller): z.infer<typeof meView> {
  return { subject, kind, scopes: [...scopes], expiresAt: expiresAt?.toISOString() ?? null };
}
