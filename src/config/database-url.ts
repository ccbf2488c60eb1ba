import { readFileSync } from 'node:fs';

/** Which database, and how to reach it. */
export type DatabaseAddress =
  | { readonly engine: 'sqlite'; readonly path: string }
  | {
      readonly engine: 'mysql' | 'mariadb' | 'postgres';
      readonly host: string;
      readonly port: number;
      readonly user: string;
      readonly password: string;
      readonly database: string;
      /** Null: no TLS. Else TLS with the certificate checked, against `ca` (PEM) where one is named. */
      readonly tls: { readonly ca: string | null } | null;
    };

const DEFAULT_PORTS = { mysql: 3306, mariadb: 3306, postgres: 5432 } as const;

const FORM = 'must be sqlite:PATH, or mysql://, mariadb:// or postgres:// with user, host and database name';

/**
 * Reads a `DATABASE_URL`. TLS by `?sslmode=verify-full`, with `&sslrootcert=FILE` for a private authority.
 * The fault never repeats the address: it holds a password.
 */
export function parseDatabaseUrl(text: string): { address: DatabaseAddress } | { fault: string } {
  if (text.startsWith('sqlite:')) {
    const path = text.slice('sqlite:'.length).replace(/^\/\/(?=\/)/, '');
    return path === '' || path.startsWith('//') || path.includes('?')
      ? { fault: FORM }
      : { address: { engine: 'sqlite', path } };
  }
  if (!URL.canParse(text)) return { fault: FORM };
  const url = new URL(text);
  const engine = url.protocol.slice(0, -1).replace(/^postgresql$/, 'postgres');
  if (!isServerEngine(engine)) return { fault: FORM };

  const database = decode(url.pathname.slice(1));
  const user = decode(url.username);
  const password = decode(url.password);
  if (!url.hostname || !database || database.includes('/') || !user || password === null)
    return { fault: FORM };

  const tls = parseTls(url.searchParams);
  if ('fault' in tls) return tls;
  return {
    address: {
      engine,
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port === '' ? DEFAULT_PORTS[engine] : Number(url.port),
      user,
      password,
      database,
      tls: tls.tls,
    },
  };
}

function parseTls(query: URLSearchParams): { tls: { ca: string | null } | null } | { fault: string } {
  const unknown = [...query.keys()].filter((key) => key !== 'sslmode' && key !== 'sslrootcert');
  if (unknown.length > 0) return { fault: 'has a query parameter other than sslmode and sslrootcert' };
  if (query.getAll('sslmode').length > 1 || query.getAll('sslrootcert').length > 1) {
    return { fault: 'has a query parameter twice' };
  }
  const mode = query.get('sslmode') ?? 'disable';
  const file = query.get('sslrootcert');
  if (mode === 'disable' && file === null) return { tls: null };
  if (mode === 'disable') return { fault: 'has an sslrootcert, which needs sslmode=verify-full' };
  // Without a check of the certificate, TLS keeps out nobody who sits on the line: such modes are not offered.
  if (mode !== 'verify-full') return { fault: 'has an sslmode other than disable and verify-full' };
  if (file === null) return { tls: { ca: null } };
  try {
    return { tls: { ca: readFileSync(file, 'utf8') } };
  } catch {
    return { fault: 'names a file by sslrootcert that cannot be read' };
  }
}

function isServerEngine(engine: string): engine is keyof typeof DEFAULT_PORTS {
  return Object.hasOwn(DEFAULT_PORTS, engine);
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
