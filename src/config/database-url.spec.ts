import fc from 'fast-check';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseDatabaseUrl } from './database-url';

function addressOf(text: string) {
  const parsed = parseDatabaseUrl(text);
  if ('fault' in parsed) throw new Error(parsed.fault);
  return parsed.address;
}

function faultOf(text: string): string {
  const parsed = parseDatabaseUrl(text);
  return 'fault' in parsed ? parsed.fault : `none: read as ${JSON.stringify(parsed.address)}`;
}

describe('parseDatabaseUrl: files', () => {
  it.each([
    ['sqlite:./data/deadwax.db', './data/deadwax.db'],
    ['sqlite:deadwax.db', 'deadwax.db'],
    ['sqlite:/var/lib/deadwax/deadwax.db', '/var/lib/deadwax/deadwax.db'],
    ['sqlite:///var/lib/deadwax.db', '/var/lib/deadwax.db'],
    ['sqlite::memory:', ':memory:'],
    ['sqlite:with space & 100%.db', 'with space & 100%.db'],
  ])('%s', (text, path) => {
    expect(addressOf(text)).toEqual({ engine: 'sqlite', path });
  });

  it.each([
    'sqlite:',
    'sqlite://host/file.db',
    'sqlite:a.db?mode=ro',
    'SQLITE:a.db',
    'file:a.db',
    'a.db',
    '',
  ])('refuses %j', (text) => {
    expect(faultOf(text)).toMatch(/^must be sqlite:PATH/);
  });
});

describe('parseDatabaseUrl: servers', () => {
  it.each([
    ['mysql://user:pw@db.internal/deadwax', 'mysql', 3306],
    ['mariadb://user:pw@db.internal/deadwax', 'mariadb', 3306],
    ['postgres://user:pw@db.internal/deadwax', 'postgres', 5432],
    ['postgresql://user:pw@db.internal/deadwax', 'postgres', 5432],
    ['mysql://user:pw@db.internal:4000/deadwax', 'mysql', 4000],
    ['POSTGRES://user:pw@db.internal:6432/deadwax', 'postgres', 6432],
    ['mysql://user:pw@db.internal:4000/deadwax?sslmode=disable', 'mysql', 4000],
  ])('%s', (text, engine, port) => {
    expect(addressOf(text)).toEqual({
      engine,
      host: 'db.internal',
      port,
      user: 'user',
      password: 'pw',
      database: 'deadwax',
      tls: null,
    });
  });

  it('takes an IPv6 host out of its brackets', () => {
    expect(addressOf('postgres://u:p@[2001:db8::7]:5433/d')).toMatchObject({
      host: '2001:db8::7',
      port: 5433,
    });
  });

  it('needs no password', () => {
    expect(addressOf('mysql://u@h/d')).toMatchObject({ user: 'u', password: '' });
  });

  it('reads user, password and database percent-encoded, whatever is in them', () => {
    const text = fc
      .string({ unit: 'binary', minLength: 1, maxLength: 40 })
      .map((raw) => Buffer.from(raw).toString());
    fc.assert(
      fc.property(text, text, text, (user, password, name) => {
        const database = name.replaceAll('/', '-');
        // Names that a URL reads as "here" and "up" are no names of databases.
        fc.pre(!['.', '..'].includes(database));
        const [u, p, d] = [user, password, database].map(encodeURIComponent);
        expect(addressOf(`mariadb://${u}:${p}@h/${d}`)).toMatchObject({ user, password, database });
      }),
    );
  });

  it.each([
    ['no user', 'mysql://h/d'],
    ['a password alone', 'mysql://:pw@h/d'],
    ['no host', 'mysql://u:p@/d'],
    ['no database', 'mysql://u:p@h'],
    ['an empty database', 'mysql://u:p@h/'],
    ['two databases', 'mysql://u:p@h/a/b'],
    ['a slash in the name', 'mysql://u:p@h/a%2Fb'],
    ['a port that is no number', 'mysql://u:p@h:x/d'],
    ['a port beyond all', 'mysql://u:p@h:65536/d'],
    ['a broken percent sign', 'mysql://u:100%@h/d'],
    ['bytes that are not UTF-8', 'mysql://u:%ff@h/d'],
    ['another engine', 'mssql://u:p@h/d'],
    ['no engine', '//u:p@h/d'],
    ['what every object has', 'constructor://u:p@h/d'],
    ['a web address', 'https://u:p@h/d'],
  ])('refuses %s', (_, text) => {
    expect(faultOf(text)).toBe(
      'must be sqlite:PATH, or mysql://, mariadb:// or postgres:// with user, host and database name',
    );
  });
});

describe('parseDatabaseUrl: TLS', () => {
  let folder: string;
  let certificate: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'deadwax-ca-'));
    certificate = join(folder, 'ca & co.pem');
    writeFileSync(certificate, 'PEM');
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });
  const withQuery = (query: string) => `postgres://u:hunter22@h/d?${query}`;

  it('is off unless asked for', () => {
    expect(addressOf(withQuery(''))).toMatchObject({ tls: null });
    expect(addressOf(withQuery('sslmode=disable'))).toMatchObject({ tls: null });
  });

  it('checks the certificate against the public authorities, or against the one named', () => {
    expect(addressOf(withQuery('sslmode=verify-full'))).toMatchObject({ tls: { ca: null } });
    const query = `sslmode=verify-full&sslrootcert=${encodeURIComponent(certificate)}`;
    expect(addressOf(withQuery(query))).toMatchObject({ tls: { ca: 'PEM' } });
  });

  it.each(['require', 'prefer', 'allow', 'verify-ca', 'no-verify', 'VERIFY-FULL', ''])(
    'refuses sslmode=%s, which keeps nobody out',
    (mode) => {
      expect(faultOf(withQuery(`sslmode=${mode}`))).toBe('has an sslmode other than disable and verify-full');
    },
  );

  it('refuses a mode or an authority told twice, and an authority without the mode that uses it', () => {
    for (const query of [
      'sslmode=disable&sslmode=verify-full',
      'sslmode=verify-full&sslrootcert=a&sslrootcert=b',
    ]) {
      expect(faultOf(withQuery(query))).toBe('has a query parameter twice');
    }
    const alone = `sslrootcert=${encodeURIComponent(certificate)}`;
    expect(faultOf(withQuery(alone))).toBe('has an sslrootcert, which needs sslmode=verify-full');
  });

  it('refuses an authority that cannot be read, or that nothing would be checked against', () => {
    expect(faultOf(withQuery('sslmode=verify-full&sslrootcert=no-such-file.pem'))).toBe(
      'names a file by sslrootcert that cannot be read',
    );
    const query = `sslmode=disable&sslrootcert=${encodeURIComponent(certificate)}`;
    expect(faultOf(withQuery(query))).toContain('sslmode');
  });

  it.each(['ssl=true', 'sslmode=verify-full&charset=latin1', 'allowPublicKeyRetrieval', 'SSLMODE=disable'])(
    'refuses the parameter in %s: an ignored one would be a false sense of safety',
    (query) => {
      expect(faultOf(withQuery(query))).toBe('has a query parameter other than sslmode and sslrootcert');
    },
  );
});

it('never repeats the address in a fault', () => {
  const password = fc.string({ unit: 'grapheme-ascii', minLength: 12, maxLength: 60 });
  const form = fc.constantFrom(
    (text: string) => `mysql://user:${text}@`,
    (text: string) => `mysql://user:${text}@host`,
    (text: string) => `oracle://user:${text}@host/db`,
    (text: string) => `postgres://user:${text}@host/db?password=${text}`,
    (text: string) => `postgres://user:${text}@host/db?sslmode=${text}`,
    (text: string) => `postgres://user:x@host/db?sslmode=verify-full&sslrootcert=${text}`,
    (text: string) => `sqlite://${text}`,
    (text: string) => text,
  );
  fc.assert(
    fc.property(password, form, fc.boolean(), (raw, toText, isEncoded) => {
      const text = isEncoded ? encodeURIComponent(raw) : raw;
      const parsed = parseDatabaseUrl(toText(text));
      if ('fault' in parsed) {
        expect(parsed.fault.includes(text)).toBe(false);
        expect(parsed.fault.includes(raw)).toBe(false);
      }
    }),
  );
});
