import { type Command, InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { ApiTokensService } from '../auth/api-tokens.service';
import { ROLES, type Role, SCOPES, type Scope } from '../auth/scopes';
import { withApp } from './app-context';

const JSON_OPTION = ['--json', 'answer in JSON, for machines'] as const;

/** What is shown of a token; never its text. */
type TokenLine = Awaited<ReturnType<ApiTokensService['list']>>[number];

/** `deadwax token create|list|revoke`: API tokens on the database that the environment names. */
export function addTokenCommands(program: Command): void {
  const token = program.command('token').description('API tokens');

  token
    .command('create')
    .description('make a token and show its text, this once')
    .requiredOption('--name <name>', 'what it is for', readName)
    .option('--role <role>', `a set of scopes: ${Object.keys(ROLES).join(', ')}`, readRole)
    .option('--scopes <scopes>', `comma-separated: ${SCOPES.join(', ')}`, readScopes)
    .option(
      '--expires <when>',
      'a date (2027-01-31, or with time) or days from now (90d); default: never',
      readExpiry,
    )
    .option(...JSON_OPTION)
    .action(
      async (
        options: { name: string; role?: Role; scopes?: Scope[]; expires?: Date; json?: true },
        command: Command,
      ) => {
        const scopes = options.scopes ?? (options.role === undefined ? undefined : ROLES[options.role]);
        if (scopes === undefined || (options.scopes !== undefined && options.role !== undefined)) {
          command.error('error: give either --role or --scopes');
        }
        await withApp(async (app) => {
          const made = await app.get(ApiTokensService).create(options.name, scopes, options.expires ?? null);
          if (options.json) print({ ...describe(made.token), token: made.text });
          else
            console.log(
              `${made.text}\n\nid ${made.token.id}, scopes ${made.token.scopes.join(' ')}. The text is not kept: store it now.`,
            );
        });
      },
    );

  token
    .command('list')
    .description('show all tokens, oldest first')
    .option(...JSON_OPTION)
    .action(async ({ json }: { json?: true }) => {
      const tokens = await withApp((app) => app.get(ApiTokensService).list());
      if (json) print(tokens.map(describe));
      else for (const line of toTable(tokens)) console.log(line);
    });

  token
    .command('revoke')
    .description('refuse a token from now on')
    .argument('<id>', 'as `token list` shows it')
    .option(...JSON_OPTION)
    .action(async (id: string, { json }: { json?: true }) => {
      const isRevoked = await withApp((app) => app.get(ApiTokensService).revoke(id));
      if (json) print({ id, revoked: isRevoked });
      else if (isRevoked) console.log(`${id} is revoked.`);
      if (!isRevoked) {
        if (!json) console.error(`There is no token ${JSON.stringify(id)}, or it is revoked already.`);
        process.exitCode = 1;
      }
    });
}

function describe({ id, name, scopes, createdAt, expiresAt, lastUsedAt, revokedAt, hint }: TokenLine) {
  return { id, name, scopes, createdAt, expiresAt, lastUsedAt, revokedAt, hint };
}

function print(value: unknown): void {
  console.log(JSON.stringify(value, null, 2));
}

function toTable(tokens: readonly TokenLine[]): string[] {
  const rows = tokens.map((token) => [
    token.id,
    token.name.replace(/\p{C}/gu, '\ufffd'), // what steers a terminal, or cannot be seen
    token.hint,
    stateOf(token, new Date()),
    token.lastUsedAt === null ? 'never' : minutes(token.lastUsedAt),
    token.scopes.join(' '),
  ]);
  const table = [['ID', 'NAME', 'HINT', 'STATE', 'LAST USED', 'SCOPES'], ...rows];
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

function stateOf({ revokedAt, expiresAt }: TokenLine, now: Date): string {
  if (revokedAt !== null) return `revoked ${minutes(revokedAt)}`;
  if (expiresAt === null) return 'valid';
  return expiresAt <= now ? `expired ${minutes(expiresAt)}` : `until ${minutes(expiresAt)}`;
}

function minutes(moment: Date): string {
  return `${moment.toISOString().slice(0, 16)}Z`;
}

function readName(text: string): string {
  if (text.trim() === '' || text.length > 200)
    throw new InvalidArgumentError('must have 1 to 200 characters');
  return text;
}

function readRole(text: string): Role {
  if (!Object.hasOwn(ROLES, text))
    throw new InvalidArgumentError(`must be one of ${Object.keys(ROLES).join(', ')}`);
  return text as Role;
}

function readScopes(text: string): Scope[] {
  const scopes = [...new Set(text.split(',').map((part) => part.trim()))];
  const known: readonly string[] = SCOPES;
  if (!scopes.every((scope) => known.includes(scope)))
    throw new InvalidArgumentError(`must be among ${SCOPES.join(', ')}`);
  return scopes as Scope[];
}

function readExpiry(text: string): Date {
  const days = /^([1-9]\d{0,4})d$/.exec(text)?.[1];
  const when = days === undefined ? readDate(text) : new Date(Date.now() + Number(days) * 86_400_000);
  if (when === null || when <= new Date()) {
    throw new InvalidArgumentError('must be a date to come, or days as in 90d');
  }
  return when;
}

/** By zod, which knows the calendar: `Date` reads 30 February as 2 March. */
function readDate(text: string): Date | null {
  return z.union([z.iso.date(), z.iso.datetime({ offset: true })]).safeParse(text).success
    ? new Date(text)
    : null;
}
