import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { until } from './until';

const CONFIGURATION = join(__dirname, '..', '..', 'deploy', 'haproxy', 'haproxy.cfg');
const NAMES = ['one', 'two', 'three'] as const;

/** HAProxy with the configuration that is shipped, and a socket of its own to be asked by. */
export class Haproxy {
  private constructor(
    readonly url: string,
    private readonly child: ChildProcess,
    private readonly folder: string,
  ) {}

  /**
   * Starts it and waits until it has found every server ready.
   * @param port it listens on
   * @param servers ports of three servers on this machine
   */
  static async start(port: number, servers: readonly [number, number, number]): Promise<Haproxy> {
    const folder = mkdtempSync(join(tmpdir(), 'deadwax-haproxy-'));
    const socket = join(folder, 'socket.cfg');
    writeFileSync(socket, `global\n  stats socket ${join(folder, 'stats')}\n`);
    const { PATH = '' } = process.env;
    const child = spawn('haproxy', ['-db', '-f', CONFIGURATION, '-f', socket], {
      env: {
        PATH: `${PATH}:/usr/sbin`,
        LISTEN: `127.0.0.1:${port}`,
        ...Object.fromEntries(servers.map((each, at) => [`SERVER_${at + 1}`, `127.0.0.1:${each}`])),
      },
      stdio: 'ignore',
    });
    const haproxy = new Haproxy(`http://127.0.0.1:${port}`, child, folder);
    for (const at of servers.keys()) await haproxy.sees(at, 'UP');
    return haproxy;
  }

  /** Waits until it takes a server for ready (`UP`) or not (`DOWN`). */
  async sees(at: number, status: 'UP' | 'DOWN'): Promise<void> {
    await until(`HAProxy sees server ${NAMES[at]} ${status}`, async () =>
      (await this.statusOf(at)).startsWith(status),
    );
  }

  async stop(): Promise<void> {
    const ended = this.child.exitCode === null ? once(this.child, 'exit') : null;
    this.child.kill('SIGKILL');
    await ended;
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** As `show stat` tells it; empty while it cannot be asked. */
  private async statusOf(at: number): Promise<string> {
    const socket = connect(join(this.folder, 'stats'));
    socket.end('show stat\n');
    const [heading = '', ...lines] = (await text(socket).catch(() => '')).split('\n');
    const column = heading.split(',').indexOf('status');
    const line = lines.find((each) => each.startsWith(`servers,${NAMES[at]},`));
    return line?.split(',')[column] ?? '';
  }
}
