import { type Command, InvalidArgumentError } from 'commander';
import { userInfo } from 'node:os';
import { z } from 'zod';
import { expiryTime, MAX_OVERLAP_SECONDS, normaliseScopes, tokenName } from '../auth/api-token.rules';
import type { ApiTokensService } from '../auth/api-tokens.service';
import type { AuditOrigin } from '../auth/audit-origin';
import { ROLES, type Role, SCOPES, type Scope } from '../auth/scopes';
import { AppError } from '../common/app-error';
import { describeToken, printJson, type ShownToken, toFields, toTable } from './token.output';

const JSON_OPTION = ['--json', 'answer in JSON, for machines'] as const;
const ID_ARGUMENT = ['<id>', 'as `token list` shows it'] as const;
const SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 } as const;
const PAGE = 200;

/** `deadwax token create|list|show|rotate|revoke`: API tokens on the database that the environment names. */
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
        const made = await withTokens(
          (tokens) => tokens.create(options.name, normaliseScopes(scopes), options.expires ?? null, byUser()),
          { needsFile: false },
        );
        if (made !== null) printIssued(made, options.json);
      },
    );

  token
    .command('list')
    .description('show all tokens, oldest first')
    .option(...JSON_OPTION)
    .action(async ({ json }: { json?: true }) => {
      const tokens = await withTokens(listAll);
      if (tokens === null) return;
      if (json) printJson(tokens.map(describeToken));
      else for (const line of toTable(tokens)) console.log(line);
    });

  token
    .command('show')
    .alias('read')
    .description('show one token; never its text')
    .argument(...ID_ARGUMENT)
    .option(...JSON_OPTION)
    .action(async (id: string, { json }: { json?: true }) => {
      const found = await withTokens((tokens) => tokens.get(id));
      if (found === null) return;
      if (json) printJson(describeToken(found));
      else for (const line of toFields(found)) console.log(line);
    });

  token
    .command('rotate')
    .description('give a token a new text and show it, this once; the old one ends')
    .argument(...ID_ARGUMENT)
    .option(
      '--overlap <time>',
      'how long the old text may be used on: seconds, or 30m, 12h, 7d (7 days at most)',
      readOverlap,
      0,
    )
    .option(...JSON_OPTION)
    .action(async (id: string, { overlap, json }: { overlap: number; json?: true }) => {
      const issued = await withTokens((tokens) => tokens.rotate(id, overlap, null, byUser()));
      if (issued !== null) printIssued(issued, json);
    });

  token
    .command('revoke')
    .description('refuse a token from now on')
    .argument(...ID_ARGUMENT)
    .option(...JSON_OPTION)
    .action(async (id: string, { json }: { json?: true }) => {
      const isRevoked = await withTokens((tokens) => tokens.revoke(id, byUser()));
      if (isRevoked === null) return;
      if (json) printJson({ id, revoked: isRevoked });
      else if (isRevoked) console.log(`${id} is revoked.`);
      else console.error(`${id} was revoked before.`);
      if (!isRevoked) process.exitCode = 1;
    });
}

/** Null, with exit code 1 and a message, where the service refuses. */
async function withTokens<T>(
  work: (tokens: ApiTokensService) => Promise<T>,
  { needsFile = true } = {},
): Promise<T | null> {
  const { withServices } = await import('./app-context.js');
  try {
    return await withServices(({ tokens }) => work(tokens), { needsFile });
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
    return null;
  }
}

async function listAll(tokens: ApiTokensService): Promise<ShownToken[]> {
  const all: ShownToken[] = [];
  let cursor: string | undefined;
  do {
    const page = await tokens.list({ limit: PAGE, cursor });
    all.push(...page.items);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return all;
}

function printIssued({ token, text }: { token: ShownToken; text: string }, json: true | undefined): void {
  if (json) printJson({ ...describeToken(token), token: text });
  else
    console.log(
      `${text}\n\nid ${token.id}, scopes ${token.scopes.join(' ')}. The text is not kept: store it now.`,
    );
}

/** Whoever runs the command, for the audit. */
function byUser(): AuditOrigin {
  let user: string;
  try {
    user = userInfo().username;
  } catch {
    user = String(process.getuid?.() ?? 'unknown'); // a user that the machine has no name for, as in a container
  }
  return { actor: `cli:${user}`, address: null, userAgent: null, requestId: null };
}

function readName(text: string): string {
  const parsed = tokenName.safeParse(text);
  if (!parsed.success) throw new InvalidArgumentError(parsed.error.issues[0]?.message ?? 'is not a name');
  return parsed.data;
}

function readRole(text: string): Role {
  if (!Object.hasOwn(ROLES, text))
    throw new InvalidArgumentError(`must be one of ${Object.keys(ROLES).join(', ')}`);
  return text as Role;
}

function readScopes(text: string): Scope[] {
  const scopes = text.split(',').map((part) => part.trim());
  const known: readonly string[] = SCOPES;
  if (!scopes.every((scope) => known.includes(scope)))
    throw new InvalidArgumentError(`must be among ${SCOPES.join(', ')}`);
  return scopes as Scope[];
}

function readOverlap(text: string): number {
  const [, count, unit = 's'] = /^(\d{1,9})([smhd])?$/.exec(text) ?? [];
  const seconds = Number(count) * SECONDS[unit as keyof typeof SECONDS];
  if (!(seconds <= MAX_OVERLAP_SECONDS))
    throw new InvalidArgumentError('must be seconds, or as in 30m, 12h, 7d; 7 days at most');
  return seconds;
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
  return z.union([z.iso.date(), expiryTime]).safeParse(text).success ? new Date(text) : null;
}
