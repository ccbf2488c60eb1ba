/** Where Redis is, and how to enter. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  /** Null: none is sent, which is Redis' account `default`. */
  readonly user: string | null;
  readonly password: string | null;
  /** Number of the database on that server. */
  readonly database: number;
  /** TLS, with the certificate checked against the authorities that Node knows. */
  readonly hasTls: boolean;
}

const FORM = 'must be redis:// or rediss:// with a host and at most user, password, port and database number';

/** Reads a `REDIS_URL`: `redis://[[USER]:PASSWORD@]HOST[:PORT][/NUMBER]`. The fault never repeats it: it holds a password. */
export function parseRedisUrl(text: string): { address: RedisAddress } | { fault: string } {
  if (/[?#\s]/.test(text) || !URL.canParse(text)) return { fault: FORM };
  const url = new URL(text);
  const database = /^\/?(\d{0,5})$/.exec(url.pathname)?.[1];
  const user = decode(url.username);
  const password = decode(url.password);
  if (!['redis:', 'rediss:'].includes(url.protocol) || url.hostname === '' || database === undefined)
    return { fault: FORM };
  if (user === null || password === null || (user !== '' && password === '')) return { fault: FORM };
  return {
    address: {
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? 6379 : Number(url.port),
      user: user === '' ? null : user,
      password: password === '' ? null : password,
      database: Number(database),
      hasTls: url.protocol === 'rediss:',
    },
  };
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
