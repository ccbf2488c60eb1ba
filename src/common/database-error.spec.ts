import { judgeDatabaseError, takesNoWrites } from './database-error';

const error = (message: string, properties: object = {}) => Object.assign(new Error(message), properties);

it.each([
  ['MariaDB, read_only', { errno: 1290, code: 'ER_OPTION_PREVENTS_STATEMENT' }, true],
  ['MySQL, read-only transaction', { errno: 1792, code: 'ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION' }, true],
  ['InnoDB, read-only', { errno: 1836, code: 'ER_READ_ONLY_MODE' }, true],
  ['Galera node apart from its cluster', { errno: 1047, code: 'ER_UNKNOWN_COM_ERROR' }, true],
  ['PostgreSQL, standby', { code: '25006' }, true],
  ['MariaDB deadlock', { errno: 1213, code: 'ER_LOCK_DEADLOCK' }, false],
  ['connection lost', { code: 'PROTOCOL_CONNECTION_LOST' }, false],
])('takesNoWrites: %s', (name, properties, expected) => {
  const thrown = error(name, properties);
  expect(takesNoWrites(thrown)).toBe(expected);
  // Either is an outage or passes: callers are told 503.
  expect(judgeDatabaseError(thrown)).toMatch(/unavailable|retry/);
});

describe('judgeDatabaseError', () => {
  it.each([
    ['retry', 'MariaDB deadlock', { errno: 1213, code: 'ER_LOCK_DEADLOCK' }],
    ['retry', 'MariaDB lock wait timeout', { errno: 1205, code: 'ER_LOCK_WAIT_TIMEOUT' }],
    ['retry', 'MariaDB record changed since read', { errno: 1020, code: 'ER_CHECKREAD' }],
    ['retry', 'PostgreSQL serialization failure', { code: '40001' }],
    ['retry', 'PostgreSQL deadlock', { code: '40P01' }],
    ['retry', 'PostgreSQL lock timeout', { code: '55P03' }],
    ['retry', 'SQLite busy', { code: 'SQLITE_BUSY' }],
    ['retry', 'SQLite snapshot too old', { code: 'SQLITE_BUSY_SNAPSHOT' }],
    ['duplicate', 'MariaDB', { errno: 1062, code: 'ER_DUP_ENTRY' }],
    ['duplicate', 'PostgreSQL', { code: '23505' }],
    ['duplicate', 'SQLite key', { code: 'SQLITE_CONSTRAINT_PRIMARYKEY' }],
    ['duplicate', 'SQLite unique index', { code: 'SQLITE_CONSTRAINT_UNIQUE' }],
    ['unavailable', 'refused', { errno: -111, code: 'ECONNREFUSED' }],
    ['unavailable', 'reset', { errno: -104, code: 'ECONNRESET' }],
    ['unavailable', 'silent', { code: 'ETIMEDOUT' }],
    ['unavailable', 'no such host', { code: 'ENOTFOUND' }],
    ['unavailable', 'MariaDB connection lost', { code: 'PROTOCOL_CONNECTION_LOST' }],
    ['unavailable', 'MariaDB connection killed', { errno: 1927, code: 'ER_CONNECTION_KILLED' }],
    ['unavailable', 'MariaDB too many connections', { errno: 1040, code: 'ER_CON_COUNT_ERROR' }],
    ['unavailable', 'Galera node apart from its cluster', { errno: 1047, code: 'ER_UNKNOWN_COM_ERROR' }],
    ['unavailable', 'MariaDB shutting down', { errno: 1053, code: 'ER_SERVER_SHUTDOWN' }],
    ['unavailable', 'PostgreSQL terminated', { code: '57P01' }],
    ['unavailable', 'PostgreSQL starting', { code: '57P03' }],
    ['unavailable', 'PostgreSQL connection failure', { code: '08006' }],
    ['unavailable', 'PostgreSQL too many connections', { code: '53300' }],
    ['unavailable', 'SQLite cannot open', { code: 'SQLITE_CANTOPEN' }],
    ['unknown', 'a file that is missing', { errno: -2, code: 'ENOENT', syscall: 'open' }],
    ['unknown', 'MariaDB syntax', { errno: 1064, code: 'ER_PARSE_ERROR' }],
    ['unknown', 'MariaDB access denied', { errno: 1045, code: 'ER_ACCESS_DENIED_ERROR' }],
    ['unknown', 'PostgreSQL wrong password', { code: '28P01' }],
    ['unknown', 'PostgreSQL undefined table', { code: '42P01' }],
    ['unknown', 'SQLite not null', { code: 'SQLITE_CONSTRAINT_NOTNULL' }],
  ])('%s: %s', (verdict, name, properties) => {
    expect(judgeDatabaseError(error(name, properties))).toBe(verdict);
  });

  it.each([
    'Connection terminated unexpectedly',
    'Connection terminated due to connection timeout',
    'timeout expired',
    'timeout exceeded when trying to connect',
    'Client was closed and is not queryable',
    'Client has encountered a connection error and is not queryable',
    "Can't add new command when connection is in closed state",
    'Query runner already released. Cannot run queries anymore.',
    'Database connection provided by a query runner was already released, cannot continue to use its querying methods anymore.',
    'The database connection is not open',
  ])('unavailable, by its words alone: %s', (message) => {
    expect(judgeDatabaseError(error(message))).toBe('unavailable');
  });

  it('reads the first of the failures that Node reports together', () => {
    const both = new AggregateError([error('v6', { code: 'ECONNREFUSED' }), error('v4')]);
    expect(judgeDatabaseError(both)).toBe('unavailable');
    expect(judgeDatabaseError(new AggregateError([]))).toBe('unknown');
  });

  it.each([undefined, null, 'ECONNREFUSED', 1213, {}, new Error('about a duplicate 1062'), () => undefined])(
    'does not know what is no error of a driver (%#)',
    (value) => {
      expect(judgeDatabaseError(value)).toBe('unknown');
    },
  );
});
