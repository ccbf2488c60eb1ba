import type { ApiTokensService } from '../auth/api-tokens.service';

/** A token as the service tells it; what is shown of it is chosen here, and its text or hash is not. */
export type ShownToken = Awaited<ReturnType<ApiTokensService['get']>>;

/** For machines: as `GET /v1/tokens/{id}` has it. */
export function describeToken(token: ShownToken) {
  const { id, name, scopes, createdAt, expiresAt, lastUsedAt, revokedAt, hint } = token;
  return { id, name, scopes, createdAt, expiresAt, lastUsedAt, revokedAt, hint };
}

export function printJson(value: unknown): void {
  console.log(JSON.stringify(value, null, 2));
}

/** One line a token. */
export function toTable(tokens: readonly ShownToken[]): string[] {
  const rows = tokens.map((token) => [
    token.id,
    printable(token.name),
    token.hint,
    stateOf(token, new Date()),
    token.lastUsedAt === null ? 'never' : minutes(token.lastUsedAt),
    token.scopes.join(' '),
  ]);
  return aligned([['ID', 'NAME', 'HINT', 'STATE', 'LAST USED', 'SCOPES'], ...rows]);
}

/** One line for each thing that is to be said of a token. */
export function toFields(token: ShownToken): string[] {
  return aligned([
    ['id', token.id],
    ['name', printable(token.name)],
    ['hint', token.hint],
    ['scopes', token.scopes.join(' ')],
    ['state', stateOf(token, new Date())],
    ['created', minutes(token.createdAt)],
    ['expires', token.expiresAt === null ? 'never' : minutes(token.expiresAt)],
    ['last used', token.lastUsedAt === null ? 'never' : minutes(token.lastUsedAt)],
  ]);
}

function aligned(table: readonly (readonly string[])[]): string[] {
  const widths = (table[0] ?? []).map((_, column) =>
    Math.max(...table.map((row) => row[column]?.length ?? 0)),
  );
  return table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}

/** Without what steers a terminal, or cannot be seen. */
const printable = (name: string): string => name.replace(/\p{C}/gu, '\ufffd');

function stateOf({ revokedAt, expiresAt }: ShownToken, now: Date): string {
  if (revokedAt !== null) return `revoked ${minutes(revokedAt)}`;
  if (expiresAt === null) return 'valid';
  return expiresAt <= now ? `expired ${minutes(expiresAt)}` : `until ${minutes(expiresAt)}`;
}

function minutes(moment: Date): string {
  return `${moment.toISOString().slice(0, 16)}Z`;
}
