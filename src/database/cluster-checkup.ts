import { createConnection, type RowDataPacket } from 'mysql2/promise';
import type { Findings } from '../common/finding';
import type { DatabaseAddress } from '../config/database-url';

const TIMEOUT_MS = 5_000;

/**
 * Tells how a node of Galera's does in its cluster; nothing where the server is none, or cannot be asked. By a connection of its own: a
 * node that is apart from its cluster answers hardly any statement, and those in words that lead astray.
 * @returns false where it takes no statements
 */
export async function examineClusterNode(
  { host, port, user, password, tls }: Exclude<DatabaseAddress, { engine: 'sqlite' }>,
  findings: Findings,
): Promise<boolean> {
  const connection = await createConnection({
    host,
    port,
    user,
    password,
    connectTimeout: TIMEOUT_MS,
    ...(tls === null
      ? {}
      : { ssl: { rejectUnauthorized: true, ...(tls.ca === null ? {} : { ca: tls.ca }) } }),
  }).catch(() => null);
  if (connection === null) return true;
  try {
    const has: Record<string, string> = {};
    for (const kind of ['VARIABLES', 'STATUS']) {
      const sql = `SHOW ${kind} LIKE 'wsrep%'`;
      const [rows] = await connection.query<RowDataPacket[]>({ sql, timeout: TIMEOUT_MS });
      for (const row of rows) has[String(row['Variable_name'])] = String(row['Value']);
    }
    if (has['wsrep_on'] !== 'ON') return true;
    const { wsrep_cluster_status: status = '?', wsrep_local_state_comment: state = '?' } = has;
    const told = `the node sees ${has['wsrep_cluster_size'] ?? '?'} of its cluster, is ${status} and ${state}`;
    if (status !== 'Primary' || has['wsrep_ready'] !== 'ON') {
      findings.fail(
        told,
        'bring it back into the cluster (its own log tells why it is apart), or name another node.',
      );
      return false;
    }
    if (state === 'Synced') findings.ok(told);
    else
      findings.warn(told, 'it may answer with what is old: wait until it is Synced, or name another node.');
    return true;
  } catch {
    return true; // who cannot be asked this is asked for the rest, which tells why
  } finally {
    connection.destroy();
  }
}
