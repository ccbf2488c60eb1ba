import { freePorts, MariadbNode, newHome, type Nodes, nodesIn } from './mariadb-nodes';
import { until } from './until';

/**
 * A primary and its replica; each able to be the other. What is answered as committed is in the log of both (semi-synchronous),
 * whenever the replica is there.
 */
export async function startReplication(): Promise<Nodes<[MariadbNode, MariadbNode]>> {
  const home = newHome();
  const [first = 0, second = 0] = await freePorts(2);
  const node = (port: number, id: number) =>
    new MariadbNode(
      port,
      home,
      [
        `--server-id=${id}`,
        '--log-bin',
        '--log-slave-updates',
        '--binlog-format=ROW',
        '--rpl-semi-sync-master-enabled=ON',
        '--rpl-semi-sync-master-wait-point=AFTER_SYNC',
        '--rpl-semi-sync-master-timeout=1000',
        '--rpl-semi-sync-slave-enabled=ON',
        // A server that is killed has what it wrote: in the page cache.
        '--innodb-flush-log-at-trx-commit=2',
      ],
      true,
    );
  const servers = nodesIn<[MariadbNode, MariadbNode]>(home, [node(first, 1), node(second, 2)]);
  try {
    await Promise.all(servers.nodes.map((each) => each.start()));
    const [primary, replica] = servers.nodes;
    await follow(replica, primary);
    return servers;
  } catch (error) {
    await servers.stop();
    throw error;
  }
}

/** Makes `replica` take no writes, but from `primary`, from where it is on. */
export async function follow(replica: MariadbNode, primary: MariadbNode): Promise<void> {
  const { port, username, password } = new URL(primary.url(''));
  await replica.query('SET GLOBAL read_only = 1');
  await replica.query('SET GLOBAL gtid_slave_pos = @@GLOBAL.gtid_current_pos');
  await replica.query(
    `CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = ${port}, MASTER_USER = '${username}',
      MASTER_PASSWORD = '${password}', MASTER_USE_GTID = slave_pos, MASTER_CONNECT_RETRY = 1`,
  );
  await replica.query('START SLAVE');
  await until(
    'the replica is connected',
    async () => (await primary.status('Rpl_semi_sync_master_clients')) === '1',
  );
}

/** Makes a replica the primary, once it has applied all that has come to it: of a primary that is gone, or takes no writes. */
export async function promote(replica: MariadbNode): Promise<void> {
  const [at] = await replica.query<{ Gtid_IO_Pos: string }>('SHOW SLAVE STATUS');
  await replica.query('STOP SLAVE IO_THREAD');
  await replica.query(`SELECT MASTER_GTID_WAIT('${at?.Gtid_IO_Pos ?? ''}', 30)`);
  await replica.query('STOP SLAVE');
  await replica.query('SET GLOBAL read_only = 0');
}
