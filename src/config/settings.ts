import { registerAs } from '@nestjs/config';
import type { z } from 'zod';
import type { DatabaseAddress } from './database-url';
import { environment, type LOG_LEVELS, SHOWABLE } from './environment';
import { identityFaults, type JwtSettings } from './jwt-settings';
import type { RedisAddress } from './redis-url';

/** Everything that the environment decides, checked and frozen. */
export interface Settings {
  readonly isProduction: boolean;
  readonly host: string;
  readonly port: number;
  /** Processes that serve, on one port. */
  readonly workers: number;
  /** How long a process that was told to stop goes on serving, not ready, until all who send it calls have heard of it. */
  readonly shutdownDelayMs: number;
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
  readonly graphql: {
    /** Serve the page to explore the schema. */
    readonly hasPage: boolean;
  };
  readonly logLevel: (typeof LOG_LEVELS)[number];
  /** Sinks beside the log; null: off, and not loaded. */
  readonly telemetry: {
    /** As error tracking and traces call this deployment: `production`, `staging`. */
    readonly environment: string;
    readonly sentryDsn: string | null;
    readonly newRelic: { readonly licenseKey: string; readonly appName: string } | null;
    /** Base address of a collector, without a closing slash. */
    readonly otlpEndpoint: string | null;
  };
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
  readonly imports: {
    /** Days after which a finished import is removed, with its rows; 0: never. */
    readonly retentionDays: number;
  };
  readonly auth: {
    /** Text of an admin token, taken when no token exists. */
    readonly bootstrapToken: string | null;
    /** Null: only API tokens are accepted. */
    readonly jwt: JwtSettings | null;
  };
}

/** Balancers look every few seconds, and Kubernetes takes one to tell them. */
const PRODUCTION_SHUTDOWN_DELAY_MS = 5_000;

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
  const isProduction = values.NODE_ENV === 'production';
  return deepFreeze<Settings>({
    isProduction,
    shutdownDelayMs: values.SHUTDOWN_DELAY_MS ?? (isProduction ? PRODUCTION_SHUTDOWN_DELAY_MS : 0),
    host: values.HOST,
    port: values.PORT,
    workers: values.WEB_CONCURRENCY,
    http: { corsOrigins: values.CORS_ORIGINS, trustedProxies: values.TRUST_PROXY },
    clientLimits: {
      requestsPerMinute: values.CLIENT_REQUESTS_PER_MINUTE,
      failuresPerMinute: values.CLIENT_FAILURES_PER_MINUTE,
    },
    graphql: {
      hasPage: values.GRAPHIQL === undefined ? values.NODE_ENV !== 'production' : values.GRAPHIQL === 'true',
    },
    logLevel: values.LOG_LEVEL,
    telemetry: {
      environment: values.DEADWAX_ENVIRONMENT ?? values.NODE_ENV ?? 'development',
      sentryDsn: values.SENTRY_DSN ?? null,
      newRelic:
        values.NEW_RELIC_LICENSE_KEY === undefined
          ? null
          : { licenseKey: values.NEW_RELIC_LICENSE_KEY, appName: values.NEW_RELIC_APP_NAME },
      otlpEndpoint: values.OTEL_EXPORTER_OTLP_ENDPOINT ?? null,
    },
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
    imports: { retentionDays: values.IMPORT_RETENTION_DAYS },
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
