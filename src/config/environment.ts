import { z } from 'zod';
import { parseDatabaseUrl } from './database-url';
import { isIssuer, isJwksUrl, ISSUER_RULE, JWKS_URL_RULE } from './jwt-settings';
import { parseOrigins, parseProxies } from './network-lists';
import { parseRedisUrl } from './redis-url';

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;

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
export const environment = z.object({
  NODE_ENV: z.string().optional(),
  PORT: wholeNumber(0, 65_535, 'must be a whole number from 0 to 65535').default(3000),
  HOST: z
    .string()
    .regex(/^[A-Za-z0-9.:_-]{1,255}$/, 'must be a host name or an IP address')
    .default('127.0.0.1'),
  WEB_CONCURRENCY: wholeNumber(1, 128, 'must be a whole number from 1 to 128').default(1),
  SHUTDOWN_DELAY_MS: wholeNumber(
    0,
    15_000,
    'must be a whole number from 0 to 15000 (milliseconds)',
  ).optional(),
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
  GRAPHIQL: z.enum(['true', 'false'], { error: 'must be true or false' }).optional(),
  LOG_LEVEL: z.enum(LOG_LEVELS, { error: `must be one of ${LOG_LEVELS.join(', ')}` }).default('info'),
  SENTRY_DSN: z
    .string()
    .regex(
      /^https?:\/\/[A-Za-z0-9]+(:[A-Za-z0-9]+)?@[A-Za-z0-9.:[\]_-]+(\/[\w./-]*)?\/\d+$/,
      'must be a DSN as Sentry shows it: https://KEY@HOST/PROJECT',
    )
    .optional(),
  NEW_RELIC_LICENSE_KEY: z
    .string()
    .regex(/^[A-Za-z0-9]{16,64}$/, 'must be a license key as New Relic shows it')
    .optional(),
  NEW_RELIC_APP_NAME: z
    .string()
    .regex(/^[\x20-\x7e]{1,255}$/, 'must be 1 to 255 printable ASCII characters')
    .default('Deadwax'),
  OTEL_EXPORTER_OTLP_ENDPOINT: baseUrl(
    'must be the base address of a collector (http://collector:4318), without user, query and fragment',
  ).optional(),
  DEADWAX_ENVIRONMENT: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be 1 to 64 letters, digits, dots, hyphens or underscores')
    .optional(),
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
  IMPORT_RETENTION_DAYS: wholeNumber(
    0,
    36_500,
    'must be a whole number from 0 to 36500 (days, 0 keeps imports for ever)',
  ).default(90),
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
export const SHOWABLE = new Set([
  'PORT',
  'HOST',
  'WEB_CONCURRENCY',
  'SHUTDOWN_DELAY_MS',
  'CORS_ORIGINS',
  'TRUST_PROXY',
  'CLIENT_REQUESTS_PER_MINUTE',
  'CLIENT_FAILURES_PER_MINUTE',
  'LOG_LEVEL',
  'GRAPHIQL',
  'NEW_RELIC_APP_NAME',
  'DEADWAX_ENVIRONMENT',
  'DATABASE_MIGRATE',
  'DATABASE_POOL_SIZE',
  'SPOTIFY_MARKETS',
  'SPOTIFY_MAX_PAGES',
  'SPOTIFY_REQUESTS_PER_30S',
  'SPOTIFY_REQUESTS_PER_DAY',
  'SPOTIFY_TIMEOUT_MS',
  'IMPORT_RETENTION_DAYS',
  'AUTH_JWT_STRICT',
]);
