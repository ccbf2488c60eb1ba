import { registerAs } from '@nestjs/config';
import { z } from 'zod';
import { type DatabaseAddress, parseDatabaseUrl } from './database-url';
import {
  identityFaults,
  isIssuer,
  isJwksUrl,
  ISSUER_RULE,
  JWKS_URL_RULE,
  type JwtSettings,
} from './jwt-settings';
import { parseOrigins, parseProxies } from './network-lists';
import { parseRedisUrl, type RedisAddress } from './redis-url';

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

/** Everything that the environment decides, checked and frozen. */
export interface Settings {
  readonly isProduction: boolean;
  readonly host: string;
  readonly port: number;
  /** Processes that serve, on one port. */
  readonly workers: number;
  readonly http: {
    /** Origins whose pages may call from a browser; empty: none, and no CORS header is sent. */
    readonly corsOrigins: readonly string[];
    /** Addresses, networks and range names of proxies whose `X-Forwarded-*` headers are believed. */
    readonly trustedProxies: readonly string[];
  };
  readonly clientLimits: {
    /** Calls of one caller in a minute; 0 is no limit. */
    readonly requestsPerMinute: number;
    /** Failed authentications from one address in a minute; 0 is no limit. */
    readonly failuresPerMinute: number;
  };
  readonly logLevel: (typeof LOG_LEVELS)[number];
  /** Read beside the database; of its engine. */
  readonly replicas: readonly DatabaseAddress[];
  readonly database: DatabaseAddress & {
    /** Apply migrations at start; false where a job does it. */
    readonly shouldMigrate: boolean;
    /** Connections of one process to a database server. */
    readonly poolSize: number;
  };
  /** Null: no Redis; what processes share goes through the database, or is each one's own. */
  readonly redis: RedisAddress | null;
  /** Null: no credentials, the sample catalogue serves. */
  readonly spotify: {
    readonly clientId: string;
    readonly clientSecret: string;
    /** Base of the Web API (`https://host/v1`), without a closing slash. */
    readonly apiUrl: string;
    /** Base of the accounts service (`https://host`), without a closing slash; tokens come from `/api/token` below it. */
    readonly accountsUrl: string;
    /** ISO 3166-1 alpha-2 codes to ask in on a miss, in order. */
    readonly markets: readonly string[];
    /** Result pages read for one search at most. */
    readonly maxPages: number;
    /** Calls in any 30 s that we allow ourselves, whatever Spotify bears; 0 is no limit of our own. */
    readonly requestsPer30s: number;
    /** Calls in any 24 h; 0 is no limit of our own. */
    readonly requestsPerDay: number;
    /** Milliseconds that one call may take, from the first byte sent to the last one read. */
    readonly timeoutMs: number;
  } | null;
  readonly auth: {
    /** Text of an admin token, taken when no token exists. */
    readonly bootstrapToken: string | null;
    /** Null: only API tokens are accepted. */
    readonly jwt: JwtSettings | null;
  };
}

/** The environment does not have the documented form. The message names every fault and shows no secret. */
export class SettingsError extends Error {
  constructor(readonly faults: readonly string[]) {
    const count = faults.length === 1 ? 'one setting is wrong' : `${faults.length} settings are wrong`;
    super(
      `Deadwax cannot start: ${count}.\n${faults.map((fault) => `  - ${fault}`).join('\n')}\n` +
        'The README and .env.example list every setting with its rule.',
    );
    this.name = 'SettingsError';
  }
}

const wholeNumber = (least: number, most: number, rule: string) =>
  z
    .string()
    .regex(/^\d{1,9}$/, rule)
    .transform(Number)
    .refine((value) => value >= least && value <= most, rule);

const baseUrl = (rule: string) =>
  z
    .string()
    .refine((text) => {
      // An empty query or fragment, and white space around, are lost in parsing.
      if (/[?#\s]/.test(text) || !URL.canParse(text)) return false;
      const url = new URL(text);
      return ['http:', 'https:'].includes(url.protocol) && url.username + url.password === '';
    }, rule)
    .transform((text) => text.replace(/\/+$/, ''));

const list = (parse: (text: string) => string[] | null, rule: string) =>
  z
    .string()
    .default('')
    .transform((text, context) => {
      const entries = parse(text);
      if (entries !== null) return entries;
      context.addIssue({ code: 'custom', message: rule });
      return z.NEVER;
    });

/** One line a variable: its rule, and its default where there is one (api.md section 8). */
const environment = z.object({
  NODE_ENV: z.string().optional(),
  PORT: wholeNumber(0, 65_535, 'must be a whole number from 0 to 65535').default(3000),
  HOST: z
    .string()
    .regex(/^[A-Za-z0-9.:_-]{1,255}$/, 'must be a host name or an IP address')
    .default('127.0.0.1'),
  WEB_CONCURRENCY: wholeNumber(1, 128, 'must be a whole number from 1 to 128').default(1),
  CORS_ORIGINS: list(
    parseOrigins,
    'must be origins as browsers send them (https://app.example.org), separated by commas; * is not one',
  ),
  TRUST_PROXY: list(
    parseProxies,
    'must be IP addresses, networks (10.0.0.0/8), loopback, linklocal or uniquelocal, separated by commas',
  ),
  CLIENT_REQUESTS_PER_MINUTE: wholeNumber(
    0,
    100_000_000,
    'must be a whole number from 0 to 100000000 (calls in a minute, 0 for no limit)',
  ).default(6000),
  CLIENT_FAILURES_PER_MINUTE: wholeNumber(
    0,
    100_000_000,
    'must be a whole number from 0 to 100000000 (failures in a minute, 0 for no limit)',
  ).default(600),
  LOG_LEVEL: z.enum(LOG_LEVELS, { error: `must be one of ${LOG_LEVELS.join(', ')}` }).default('info'),
  DATABASE_URL: z
    .string()
    .default('sqlite:./data/deadwax.db')
    .transform((text, context) => {
      const parsed = parseDatabaseUrl(text);
      if ('fault' in parsed) {
        context.addIssue({ code: 'custom', message: parsed.fault });
        return z.NEVER;
      }
      return parsed.address;
    }),
  DATABASE_REPLICA_URLS: z
    .string()
    .default('')
    .transform((text, context) => {
      const parts = text.split(',').map((part) => part.trim());
      return parts
        .filter((part) => part !== '')
        .flatMap((part) => {
          const parsed = parseDatabaseUrl(part);
          if ('address' in parsed && parsed.address.engine !== 'sqlite') return [parsed.address];
          const message = `must be addresses as DATABASE_URL has them, of servers, separated by commas: one ${'fault' in parsed ? parsed.fault : 'is of SQLite'}`;
          context.addIssue({ code: 'custom', message });
          return [];
        });
    }),
  DATABASE_MIGRATE: z.enum(['true', 'false'], { error: 'must be true or false' }).default('true'),
  DATABASE_POOL_SIZE: wholeNumber(1, 500, 'must be a whole number from 1 to 500').default(10),
  REDIS_URL: z
    .string()
    .transform((text, context) => {
      const parsed = parseRedisUrl(text);
      if ('fault' in parsed) {
        context.addIssue({ code: 'custom', message: parsed.fault });
        return z.NEVER;
      }
      return parsed.address;
    })
    .optional(),
  SPOTIFY_CLIENT_ID: z
    .string()
    .regex(/^[\x21-\x39\x3b-\x7e]{1,200}$/, 'must be printable ASCII without space or colon')
    .optional(),
  SPOTIFY_CLIENT_SECRET: z
    .string()
    .regex(/^[\x21-\x7e]{1,200}$/, 'must be printable ASCII without space')
    .optional(),
  SPOTIFY_API_URL: baseUrl('must be an http or https address without query or credentials').default(
    'https://api.spotify.com/v1',
  ),
  SPOTIFY_ACCOUNTS_URL: baseUrl('must be an http or https address without query or credentials').default(
    'https://accounts.spotify.com',
  ),
  SPOTIFY_MARKETS: z
    .string()
    .default('')
    .transform((text) =>
      text
        .split(',')
        .map((part) => part.trim().toUpperCase())
        .filter((part) => part !== ''),
    )
    .refine(
      (markets) =>
        markets.length <= 20 &&
        markets.every((market) => /^[A-Z]{2}$/.test(market)) &&
        new Set(markets).size === markets.length,
      'must be ISO 3166-1 alpha-2 country codes, separated by commas, each once, at most 20',
    ),
  SPOTIFY_MAX_PAGES: wholeNumber(1, 100, 'must be a whole number from 1 to 100').default(10),
  SPOTIFY_REQUESTS_PER_30S: wholeNumber(
    0,
    100_000,
    'must be a whole number from 0 to 100000 (calls in 30 s, 0 for no limit)',
  ).default(25),
  SPOTIFY_REQUESTS_PER_DAY: wholeNumber(
    0,
    100_000,
    'must be a whole number from 0 to 100000 (calls in 24 h, 0 for no limit)',
  ).default(800),
  SPOTIFY_TIMEOUT_MS: wholeNumber(
    100,
    120_000,
    'must be a whole number from 100 to 120000 (milliseconds)',
  ).default(10_000),
  AUTH_BOOTSTRAP_TOKEN: z
    .string()
    .regex(/^[\x21-\x7e]{32,200}$/, 'must be 32 to 200 characters of printable ASCII without space')
    .optional(),
  AUTH_JWT_ISSUER: z.string().refine(isIssuer, ISSUER_RULE).optional(),
  AUTH_JWT_AUDIENCE: z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/, 'must be 1 to 255 characters of printable ASCII without space')
    .optional(),
  AUTH_JWKS_URL: z.string().refine(isJwksUrl, JWKS_URL_RULE).optional(),
  AUTH_JWT_STRICT: z.enum(['true', 'false'], { error: 'must be true or false' }).default('false'),
});

/** Only these are repeated in an error message; whatever else is wrong could be a secret pasted into the wrong place. */
const SHOWABLE = new Set([
  'PORT',
  'HOST',
  'WEB_CONCURRENCY',
  'CORS_ORIGINS',
  'TRUST_PROXY',
  'CLIENT_REQUESTS_PER_MINUTE',
  'CLIENT_FAILURES_PER_MINUTE',
  'LOG_LEVEL',
  'DATABASE_MIGRATE',
  'DATABASE_POOL_SIZE',
  'SPOTIFY_MARKETS',
  'SPOTIFY_MAX_PAGES',
  'SPOTIFY_REQUESTS_PER_30S',
  'SPOTIFY_REQUESTS_PER_DAY',
  'SPOTIFY_TIMEOUT_MS',
  'AUTH_JWT_STRICT',
]);

/**
 * Checks the environment and turns it into settings. An empty variable counts as unset.
 * @param asksSource whether recordings will be asked for, which in production needs the source's credentials
 * @throws SettingsError naming every fault at once
 */
export function parseSettings(
  env: Readonly<Record<string, string | undefined>>,
  { asksSource = true }: { asksSource?: boolean } = {},
): Settings {
  const given = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ''),
  );
  const parsed = environment.safeParse(given);
  const faults = [
    ...(parsed.error?.issues ?? []).map(({ path, message }) => {
      const name = String(path[0]);
      const value = given[name];
      return `${name} ${message}${SHOWABLE.has(name) && value !== undefined ? ` (it is ${JSON.stringify(value.slice(0, 60))})` : ''}`;
    }),
    ...credentialFaults(given, asksSource),
    ...identityFaults(given),
    ...replicaFaults(parsed.data),
  ];
  if (!parsed.success || faults.length > 0) throw new SettingsError(faults);

  const values = parsed.data;
  const { SPOTIFY_CLIENT_ID: clientId, SPOTIFY_CLIENT_SECRET: clientSecret } = values;
  const { AUTH_JWT_ISSUER: issuer, AUTH_JWT_AUDIENCE: audience } = values;
  return deepFreeze<Settings>({
    isProduction: values.NODE_ENV === 'production',
    host: values.HOST,
    port: values.PORT,
    workers: values.WEB_CONCURRENCY,
    http: { corsOrigins: values.CORS_ORIGINS, trustedProxies: values.TRUST_PROXY },
    clientLimits: {
      requestsPerMinute: values.CLIENT_REQUESTS_PER_MINUTE,
      failuresPerMinute: values.CLIENT_FAILURES_PER_MINUTE,
    },
    logLevel: values.LOG_LEVEL,
    replicas: values.DATABASE_REPLICA_URLS,
    database: {
      ...values.DATABASE_URL,
      shouldMigrate: values.DATABASE_MIGRATE === 'true',
      poolSize: values.DATABASE_POOL_SIZE,
    },
    redis: values.REDIS_URL ?? null,
    spotify:
      clientId === undefined || clientSecret === undefined
        ? null
        : {
            clientId,
            clientSecret,
            apiUrl: values.SPOTIFY_API_URL,
            accountsUrl: values.SPOTIFY_ACCOUNTS_URL,
            markets: values.SPOTIFY_MARKETS,
            maxPages: values.SPOTIFY_MAX_PAGES,
            requestsPer30s: values.SPOTIFY_REQUESTS_PER_30S,
            requestsPerDay: values.SPOTIFY_REQUESTS_PER_DAY,
            timeoutMs: values.SPOTIFY_TIMEOUT_MS,
          },
    auth: {
      bootstrapToken: values.AUTH_BOOTSTRAP_TOKEN ?? null,
      jwt:
        issuer === undefined || audience === undefined
          ? null
          : {
              issuer,
              audience,
              jwksUrl: values.AUTH_JWKS_URL ?? null,
              isStrict: values.AUTH_JWT_STRICT === 'true',
            },
    },
  });
}

/** Rules between variables, told together with the rules of each. */
function replicaFaults(values: z.infer<typeof environment> | undefined): string[] {
  const isAlike = values?.DATABASE_REPLICA_URLS.every(({ engine }) => engine === values.DATABASE_URL.engine);
  return isAlike === false ? ['DATABASE_REPLICA_URLS must be of the engine of DATABASE_URL'] : [];
}

function credentialFaults(
  given: Readonly<Record<string, string | undefined>>,
  asksSource: boolean,
): string[] {
  const names = ['SPOTIFY_CLIENT_ID', 'SPOTIFY_CLIENT_SECRET'] as const;
  const missing = names.filter((name) => given[name] === undefined);
  if (missing.length === 1) {
    return [`${missing.join()} is missing: the client id and the client secret go together`];
  }
  if (missing.length === 2 && asksSource && given['NODE_ENV'] === 'production') {
    return [
      'SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET are missing: the sample catalogue does not serve in production',
    ];
  }
  return [];
}

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) {
    if (typeof part === 'object' && part !== null) deepFreeze(part as object);
  }
  return Object.freeze(value);
}

/** The settings as a provider: `@Inject(settings.KEY) private readonly settings: Settings`. */
export const settings = registerAs('settings', () => parseSettings(process.env, { asksSource: false }));

/**
 * The settings of a process that asks the source: the server, an import.
 * @throws SettingsError
 */
export const settingsWithSource = (): Settings => parseSettings(process.env);
