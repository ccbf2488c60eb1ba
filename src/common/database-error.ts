import { QueryFailedError } from 'typeorm';

/** What a failed statement calls for: another try, the caller's patience, or nothing that we know of. */
type DatabaseVerdict = 'retry' | 'duplicate' | 'unavailable' | 'unknown';

/** Deadlock, lock wait timeout, serialization failure, conflict of a cluster's certification, busy file. */
const RETRY = new Set([
  '1213',
  '1205',
  '1020',
  '40001',
  '40P01',
  '55P03',
  'SQLITE_BUSY',
  'SQLITE_BUSY_SNAPSHOT',
  'SQLITE_LOCKED',
]);

const DUPLICATE = new Set(['1062', '23505', 'SQLITE_CONSTRAINT_PRIMARYKEY', 'SQLITE_CONSTRAINT_UNIQUE']);

/** Refused, lost or killed connections, servers that start or stop, nodes that are apart from their cluster (1047), too many clients. */
const UNAVAILABLE = new Set([
  'ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'EPIPE', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH',
  'PROTOCOL_CONNECTION_LOST', 'PROTOCOL_ENQUEUE_AFTER_FATAL_ERROR', 'POOL_CLOSED', '1040', '1047', '1053', '1077', '1079', '1152',
  '1158', '1159', '1160', '1161', '1203', '1290', '1792', '1836', '1927', '2006', '2013', '4031', '53300', '57P01', '57P02', '57P03', '25006',
  'SQLITE_CANTOPEN', 'SQLITE_IOERR', 'SQLITE_FULL', 'SQLITE_READONLY',
]); // prettier-ignore

/** A server that was the primary, or a node that is apart from its cluster: it answers, but takes no writes. */
const WITHOUT_WRITES = new Set(['1047', '1290', '1792', '1836', '25006']);

/** pg reports these without a code, and TypeORM that it has let go of a connection that broke within a transaction. */
const UNAVAILABLE_TEXT =
  /^(Connection terminated|timeout expired|timeout exceeded when trying to connect|Client was closed|Client has encountered a connection error|Driver not Connected|Pool is closed|Connection is not established with|Can't add new command when connection is in closed state|Connection lost|Query runner already released|Database connection provided by a query runner was already released|The database connection is not open)/;

interface DriverError {
  readonly code?: unknown;
  readonly errno?: unknown;
  readonly message?: unknown;
  readonly errors?: unknown;
}

/** Reads the driver's error behind any thrown value. The numbers are those of MySQL/MariaDB, five characters PostgreSQL's. */
export function judgeDatabaseError(error: unknown): DatabaseVerdict {
  const driverError = driverErrorOf(error);
  if (driverError === null) return 'unknown';
  const codes = codesOf(driverError);
  const has = (set: ReadonlySet<string>) => codes.some((code) => set.has(code));
  if (has(RETRY)) return 'retry';
  if (has(DUPLICATE)) return 'duplicate';
  if (has(UNAVAILABLE) || codes.some((code) => /^08\w{3}$/.test(code))) return 'unavailable';
  if (UNAVAILABLE_TEXT.test(String(driverError.message))) return 'unavailable';
  // Node tries each address of a host and reports the failures together.
  if (Array.isArray(driverError.errors) && driverError.errors.length > 0)
    return judgeDatabaseError(driverError.errors[0]);
  return 'unknown';
}

/** Whether the server that answered so takes no writes at all: another one may by now, at the same address. */
export function takesNoWrites(error: unknown): boolean {
  const driverError = driverErrorOf(error);
  return driverError !== null && codesOf(driverError).some((code) => WITHOUT_WRITES.has(code));
}

function driverErrorOf(error: unknown): DriverError | null {
  const driverError: unknown = error instanceof QueryFailedError ? error.driverError : error;
  return typeof driverError === 'object' ? driverError : null;
}

function codesOf({ errno, code }: DriverError): string[] {
  return [errno, code].map(String);
}
