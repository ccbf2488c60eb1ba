import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { makeToken, SERVICE, SETTINGS } from './built-service';
import * as mariadb from './mariadb';
import { ROOT, type RunningServer, runProgram, runScript, startServer } from './processes';
import { shardsOf } from './shards';
import { TYPICAL_NAMES } from './typical-schema';

const SAVE_RECORDINGS = join(__dirname, 'save-recordings.ts');
const PEERS = join(ROOT, 'bench', 'peers');

/** Which peer, by its file or its compiled folder. */
const PEER_FILES = {
  raw: 'raw.mjs',
  'fastify-join': 'fastify-mysql.mjs',
  'fastify-document': 'fastify-mysql.mjs',
  'lookup-join': 'lookup-mysql.mjs',
  'lookup-document': 'lookup-mysql.mjs',
  'express-sqlite': 'express-sqlite.mjs',
  nest: 'nest-express/dist/main.js',
} as const;
export type PeerName = keyof typeof PEER_FILES;

/**
 * What all measures of a run share, made when it is first asked for: a private MariaDB, the service's database and the
 * peers', and whoever serves from them.
 */
export class World {
  /** The token that every server of this run accepts. */
  readonly token = makeToken();
  private readonly made = new Map<string, Promise<unknown>>();
  private stopServers = (): Promise<void> => Promise.resolve();

  constructor(
    readonly tracks: number,
    readonly folder: string,
    private readonly isQuick: boolean,
    private readonly say: (line: string) => void,
  ) {}

  /** The private database server, tuned. */
  mariadb(): Promise<string> {
    return this.once('mariadb', async () => {
      const { startServers } = await import('../../test/support/servers/servers.mjs');
      const { servers, stop } = await startServers(['mariadb']);
      this.stopServers = stop;
      const url = servers['mariadb']?.url ?? '';
      await mariadb.tune(url, this.isQuick);
      return url;
    });
  }

  /** The service's own database on it, with all tracks. */
  serviceDatabase(): Promise<string> {
    return this.once('serviceDatabase', async () => {
      const url = await mariadb.makeDatabase(await this.mariadb(), 'deadwax');
      await this.timed(`seeding Deadwax with ${this.tracks} tracks`, async () => {
        // One process alone applies the migrations.
        await this.saveRecordings(url, 0, 0);
        await Promise.all(shardsOf(this.tracks).map(({ from, to }) => this.saveRecordings(url, from, to)));
      });
      await mariadb.analyse(url);
      return url;
    });
  }

  /** Stores recordings through the service's code in a process beside us; seconds that each time took. */
  async saveRecordings(database: string, from: number, to: number, times = 1): Promise<number[]> {
    const environment = { ...SETTINGS, LOG_LEVEL: 'warn', DATABASE_URL: database };
    const output = await runScript(SAVE_RECORDINGS, [from, to, times].map(String), environment);
    return JSON.parse(output) as number[];
  }

  /** The peers' rows as files. */
  tableFiles(): Promise<string> {
    return this.once('tableFiles', async () => {
      const folder = join(this.folder, 'tables');
      await this.timed("writing the peers' rows", () => mariadb.writeTableFiles(folder, this.tracks));
      return folder;
    });
  }

  /** The peers' database, with all tracks. */
  peerDatabase(): Promise<string> {
    return this.once('peerDatabase', async () => {
      const url = await mariadb.makeDatabase(await this.mariadb(), 'peers');
      const files = await this.tableFiles();
      await mariadb.createTypicalTables(url);
      await this.timed('loading the peers', () =>
        mariadb.loadTableFiles(url, files, this.tracks, TYPICAL_NAMES),
      );
      await mariadb.analyse(url);
      return url;
    });
  }

  /** The file of the Express and SQLite script. */
  peerFile(): Promise<string> {
    return this.once('peerFile', async () => {
      const path = join(this.folder, 'peer.db');
      await this.timed('loading the SQLite peer', () =>
        runScript(join(__dirname, 'write-sqlite.ts'), [path, String(this.tracks)]),
      );
      return path;
    });
  }

  /** Starts the built service on its seeded database. */
  async startService({
    workers = 1,
    database,
    settings = {},
    nodeOptions = [],
  }: {
    workers?: number;
    /** Else the seeded one. */
    database?: string;
    settings?: Readonly<Record<string, string>>;
    nodeOptions?: readonly string[];
  } = {}): Promise<RunningServer> {
    const environment = {
      ...SETTINGS,
      DATABASE_URL: database ?? (await this.serviceDatabase()),
      AUTH_BOOTSTRAP_TOKEN: this.token,
      WEB_CONCURRENCY: String(workers),
      ...settings,
    };
    return startServer([...nodeOptions, join(SERVICE, 'main.js')], environment, {
      cwd: this.folder,
      readyPath: '/health/ready',
    });
  }

  /** Starts a peer, in as many processes as asked for. */
  async startPeer(name: PeerName, workers = 1): Promise<RunningServer> {
    const isSqlite = name === 'express-sqlite';
    const database = name === 'raw' ? '' : isSqlite ? await this.peerFile() : await this.peerDatabase();
    const environment = {
      NODE_ENV: 'production',
      DATABASE_URL: database,
      BENCH_TOKEN: this.token,
      BENCH_VARIANT: name.split('-')[1] ?? '',
      BENCH_WORKERS: String(workers),
    };
    return startServer([join(PEERS, 'cluster.mjs'), join(PEERS, PEER_FILES[name])], environment, {
      cwd: this.folder,
      readyPath: '/health/live',
    });
  }

  /** What database versions are in play, for the description of the machine. */
  async versions(): Promise<string[]> {
    return this.made.has('mariadb') ? [await mariadb.versionOf(await this.mariadb())] : [];
  }

  async sqliteCommandLine(): Promise<boolean> {
    return runProgram('sqlite3', ['--version']).then(
      () => true,
      () => false,
    );
  }

  /** A folder for files of a measure. */
  makeFolder(name: string): string {
    const path = join(this.folder, name);
    mkdirSync(path, { recursive: true });
    return path;
  }

  stop(): Promise<void> {
    return this.stopServers();
  }

  private once<T>(name: string, make: () => Promise<T>): Promise<T> {
    const made = (this.made.get(name) as Promise<T> | undefined) ?? make();
    this.made.set(name, made);
    return made;
  }

  private async timed(what: string, work: () => Promise<unknown>): Promise<void> {
    this.say(`${what} …`);
    const startedAt = performance.now();
    await work();
    this.say(`${what}: ${((performance.now() - startedAt) / 1000).toFixed(1)} s`);
  }
}
