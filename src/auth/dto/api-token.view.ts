import { z } from 'zod';
import type { Page } from '../../common/page';
import type { StoredAnswer } from '../../idempotency/sealed-answer';
import type { IssuedToken } from '../api-tokens.service';
import type { ApiToken } from '../entities/api-token.entity';
import { SCOPES } from '../scopes';

const moment = z.iso.datetime({ precision: 3 });
const common = {
  id: z.string().meta({ examples: ['tok_80a0a3071f1d43dae27b4fbe'] }),
  name: z.string(),
  scopes: z.array(z.enum(SCOPES)),
  createdAt: moment,
  expiresAt: moment.nullable(),
};

export const issuedTokenView = z
  .object({
    ...common,
    token: z.string().describe('The text to authenticate by. It is shown this once, and kept nowhere.'),
  })
  .meta({ id: 'IssuedToken', description: 'An API token with its text.' });

export const apiTokenView = z
  .object({
    ...common,
    lastUsedAt: moment.nullable().describe('To the minute.'),
    revokedAt: moment.nullable(),
    hint: z.string().describe('How the text begins, to tell tokens apart.'),
  })
  .meta({ id: 'ApiToken', description: 'An API token; its text is shown once, when it is made or rotated.' });
type ApiTokenView = z.infer<typeof apiTokenView>;

export const apiTokenPageView = z
  .object({
    items: z.array(apiTokenView).describe('Oldest first.'),
    nextCursor: z.string().nullable().describe('Where the next page begins; null at the end.'),
  })
  .meta({ id: 'ApiTokenPage' });

export function toApiTokenView(token: ApiToken): ApiTokenView {
  const { id, name, scopes, hint } = token;
  return {
    id,
    name,
    scopes,
    createdAt: token.createdAt.toISOString(),
    expiresAt: token.expiresAt?.toISOString() ?? null,
    lastUsedAt: token.lastUsedAt?.toISOString() ?? null,
    revokedAt: token.revokedAt?.toISOString() ?? null,
    hint,
  };
}

export function toApiTokenPageView({ items, nextCursor }: Page<ApiToken>): z.infer<typeof apiTokenPageView> {
  return { items: items.map(toApiTokenView), nextCursor };
}

/** The one answer that holds a token's text: nobody on the way may keep it. */
export function toIssuedAnswer({ token, text }: IssuedToken): StoredAnswer {
  const { id, name, scopes, createdAt, expiresAt } = token;
  const body: z.infer<typeof issuedTokenView> = {
    id,
    name,
    scopes,
    createdAt: createdAt.toISOString(),
    expiresAt: expiresAt?.toISOString() ?? null,
    token: text,
  };
  return { status: 201, headers: { location: `/v1/tokens/${id}`, 'cache-control': 'no-store' }, body };
}
