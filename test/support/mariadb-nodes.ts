import { type ChildProcess, type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import {
  chownSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Connection, createConnection } from 'mysql2/promise';

const LEASH = join(__dirname, 'servers', 'leash.mjs');
const START_TIMEOUT_MS = 60_000;
const USER = 'deadwax';
const PASSWORD = 'only-on-loopback';
const PROVIDER = '/usr/lib/galera/libgalera_smm.so';

/** A MariaDB server that can be killed and started again with its data. */
export class MariadbNode {
  private leash: ChildProcess | null = null;
  private pid = 0;
  private readonly folder: string;
  private readonly account = accountOf('mysql');

  constructor(
    readonly port: number,
    home: string,
    private readonly options: readonly string[],
    private readonly isSet: boolean,
  ) {
    this.folder = join(home, `node-${port}`);
    mkdirSync(join(this.folder, 'data'), { recursive: true });
    for (const path of [this.folder, join(this.folder, 'data')]) this.own(path);
    if (isSet) this.setUp();
  }

  url(database: string): string {
    return `mariadb://${USER}:${PASSWORD}@127.0.0.1:${this.port}/${database}`;
  }

  /** Starts it, with `extra` options this time, and waits until it answers. */
  async start(extra: readonly string[] = []): Promise<void> {
    const data = join(this.folder, 'data');
    const command = [
      'mariadbd',
      '--no-defaults',
      `--datadir=${data}`,
      `--tmpdir=${this.folder}`,
      '--socket=server.sock',
      `--pid-file=${join(this.folder, 'server.pid')}`,
      '--bind-address=127.0.0.1',
      `--port=${this.port}`,
      ...(this.isSet && (extra.includes('--wsrep-new-cluster') || !this.options.includes('--wsrep-on=ON'))
        ? [`--init-file=${join(this.folder, 'init.sql')}`]
        : []),
      '--skip-name-resolve',
      '--performance-schema=OFF',
      // Its data are thrown away; what a kill -9 leaves is in the page cache.
      '--innodb-flush-method=nosync',
      '--innodb-flush-log-at-trx-commit=0',
      '--innodb-buffer-pool-size=32M',
      '--innodb-log-file-size=16M',
      '--key-buffer-size=1M',
      '--aria-pagecache-buffer-size=2M',
      ...this.options,
      ...extra,
    ];
    const log = openSync(join(this.folder, 'server.log'), 'a');
    const env = {
      PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/bin:/sbin:/bin`,
      HOME: this.folder,
      LC_ALL: 'C',
      TZ: 'UTC',
    };
    const leash = spawn(
      process.execPath,
      [LEASH, JSON.stringify({ command, cwd: this.folder, env, ...this.account })],
      {
        stdio: ['pipe', 'pipe', log],
        detached: true, // a signal for the whole group of the tests must not end it before it has ended the server
      },
    ) as ChildProcessByStdio<Writable, Readable, null>;
    closeSync(log);
    this.leash = leash;
    const [line] = (await once(leash.stdout, 'data')) as [Buffer]; // the process id
    this.pid = Number(String(line).trim());
    const deadline = Date.now() + START_TIMEOUT_MS;
    while (!(await this.answers())) {
      if (Date.now() > deadline || leash.exitCode !== null)
        throw new Error(`a node does not start:\n${this.log()}`);
      await sleep(100);
    }
  }

  /** kill -9. */
  async kill(): Promise<void> {
    if (this.leash?.exitCode !== null) return;
    const ended = once(this.leash, 'exit');
    process.kill(this.pid, 'SIGKILL');
    await ended;
  }

  async query<T = Record<string, unknown>>(statement: string, database?: string): Promise<T[]> {
    const connection = await this.connect(database);
    try {
      const [rows] = await connection.query(statement);
      return rows as T[];
    } finally {
      connection.destroy();
    }
  }

  /** A status variable of Galera's or of replication. */
  async status(name: string): Promise<string> {
    const rows = await this.query<{ Value: string }>(`SHOW GLOBAL STATUS LIKE '${name}'`);
    return rows[0]?.Value ?? '';
  }

  private connect(database?: string): Promise<Connection> {
    return createConnection({
      host: '127.0.0.1',
      port: this.port,
      user: USER,
      password: PASSWORD,
      connectTimeout: 2_000,
      ...(database === undefined ? {} : { database }),
    });
  }

  private async answers(): Promise<boolean> {
    try {
      // A node of a cluster answers before it is one: then with an error.
      await this.query('SELECT 1 FROM information_schema.tables LIMIT 1');
      return (
        !this.options.some((each) => each === '--wsrep-on=ON') ||
        (await this.status('wsrep_local_state_comment')) === 'Synced'
      );
    } catch {
      return false;
    }
  }

  private setUp(): void {
    const init = spawnSync(
      'mariadb-install-db',
      [
        '--no-defaults',
        `--datadir=${join(this.folder, 'data')}`,
        '--auth-root-authentication-method=normal',
        '--skip-test-db',
        '--skip-name-resolve',
      ],
      {
        ...this.account,
        cwd: this.folder,
        encoding: 'utf8',
        env: { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/bin` },
      },
    );
    if (init.status !== 0) throw new Error(`mariadb-install-db failed:\n${init.stdout}${init.stderr}`);
    const file = join(this.folder, 'init.sql');
    writeFileSync(
      file,
      [
        // Each server of a replication sets itself up: its log has nothing that another one lacks.
        ...(this.options.includes('--log-bin') ? ['SET SESSION sql_log_bin = 0;'] : []),
        `CREATE USER IF NOT EXISTS '${USER}'@'127.0.0.1' IDENTIFIED BY '${PASSWORD}';`,
        `GRANT ALL PRIVILEGES ON *.* TO '${USER}'@'127.0.0.1' WITH GRANT OPTION;`,
        'CREATE DATABASE IF NOT EXISTS deadwax;',
      ].join('\n') + '\n',
    );
    this.own(file);
  }

  private own(path: string): void {
    const { uid, gid } = this.account;
    if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid);
  }

  private log(): string {
    return readFileSync(join(this.folder, 'server.log'), 'utf8').split('\n').slice(-30).join('\n');
  }
}

/** Where we are root the servers refuse to be. */
function accountOf(name: string): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const [uid, gid] = ['-u', '-g'].map((flag) =>
    Number(spawnSync('id', [flag, name], { encoding: 'utf8' }).stdout),
  );
  return { uid: uid ?? 0, gid: gid ?? 0 };
}

const LOWEST_PORT = 15_000;
/** Above it the kernel takes ports for connections that go out, and could take one of ours while its server is down. */
const HIGHEST_PORT = 32_000;

/** Ports that nobody uses now, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < count) {
    const port = randomInt(LOWEST_PORT, HIGHEST_PORT);
    if (await isFree(port)) found.add(port);
  }
  return [...found];
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  const isListening = await new Promise<boolean>((resolve) => {
    probe.once('error', () => {
      resolve(false);
    });
    probe.listen(port, '127.0.0.1', () => {
      resolve(true);
    });
  });
  if (!isListening) return false;
  probe.close();
  await once(probe, 'close');
  return true;
}

/** Servers side by side in one folder, and the way to end them all. */
export interface Nodes<Each extends MariadbNode[]> {
  readonly nodes: Each;
  stop(): Promise<void>;
}

/** These servers, all in `home`. */
export function nodesIn<Each extends MariadbNode[]>(home: string, nodes: Each): Nodes<Each> {
  return {
    nodes,
    async stop() {
      await Promise.all(nodes.map((node) => node.kill()));
      rmSync(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    },
  };
}

/** A folder for servers that `stop` removes. */
export const newHome = () => {
  const home = mkdtempSync(join(tmpdir(), 'deadwax-nodes-'));
  const { uid, gid } = accountOf('mysql');
  if (uid !== undefined && gid !== undefined) chownSync(home, uid, gid);
  return home;
};

/** A Galera cluster of three nodes on loopback, set as docs/deployment.md asks for. */
export async function startGalera(): Promise<Nodes<[MariadbNode, MariadbNode, MariadbNode]>> {
  const size = 3;
  const home = newHome();
  const ports = await freePorts(size * 4);
  const of = (kind: number) => ports.slice(kind * size, (kind + 1) * size);
  const [sql, group, ist, sst] = [of(0), of(1), of(2), of(3)];
  const address = `gcomm://${group.map((port) => `127.0.0.1:${port}`).join(',')}`;
  const node = (at: number) =>
    new MariadbNode(
      sql[at] ?? 0,
      home,
      [
        '--wsrep-on=ON',
        `--wsrep-provider=${PROVIDER}`,
        '--wsrep-cluster-name=deadwax',
        `--wsrep-cluster-address=${address}`,
        `--wsrep-node-name=node-${at}`,
        `--wsrep-node-address=127.0.0.1:${group[at]}`,
        `--wsrep-provider-options=gmcast.listen_addr=tcp://127.0.0.1:${group[at]};ist.recv_addr=127.0.0.1:${ist[at]};ist.recv_bind=127.0.0.1:${ist[at]};gcache.size=32M;evs.keepalive_period=PT0.5S;evs.suspect_timeout=PT2S;evs.inactive_timeout=PT5S`,
        '--wsrep-sst-method=rsync',
        `--wsrep-sst-receive-address=127.0.0.1:${sst[at]}`,
        // A read waits until what was committed anywhere is there: the service's own writes are seen on every node.
        '--wsrep-sync-wait=1',
        '--wsrep-slave-threads=2',
        '--binlog-format=ROW',
        '--default-storage-engine=InnoDB',
        '--innodb-autoinc-lock-mode=2',
        '--innodb-doublewrite=OFF',
      ],
      at === 0,
    );
  const nodes: [MariadbNode, MariadbNode, MariadbNode] = [node(0), node(1), node(2)];
  const cluster = nodesIn(home, nodes);
  try {
    const [first, ...others] = nodes;
    await first.start(['--wsrep-new-cluster']);
    for (const node of others) await node.start();
    return cluster;
  } catch (error) {
    await cluster.stop();
    throw error;
  }
}

/** One server on its own. */
export async function startMariadb(): Promise<Nodes<[MariadbNode]>> {
  const home = newHome();
  const [port = 0] = await freePorts(1);
  const servers = nodesIn<[MariadbNode]>(home, [new MariadbNode(port, home, ['--skip-log-bin'], true)]);
  try {
    await servers.nodes[0].start();
    return servers;
  } catch (error) {
    await servers.stop();
    throw error;
  }
}
