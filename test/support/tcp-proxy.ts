import { createServer, connect, type Server, type Socket } from 'node:net';
import { once } from 'node:events';

/** A way to a server that can break as networks break. */
export interface TcpProxy {
  readonly port: number;
  /** Pieces of data that arrived and were not passed on. */
  readonly swallowed: number;
  /** Cuts every connection and refuses new ones, as a host whose server died. */
  cut(): Promise<void>;
  /** Accepts, reads, and passes nothing on: as a server that hangs, or a network that drops packets. */
  hang(): void;
  /** Leads new connections to another port; those that are open stay where they are, as behind a name that changed. */
  leadTo(port: number): void;
  /** Keeps each piece of data for so long, in both directions, as a network that is far. */
  delay(ms: number): void;
  /** Passes everything on from now on; what was swallowed stays lost, so hung connections are cut. */
  restore(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a proxy on a free port of 127.0.0.1 to `port` there; from the beginning it refuses if `isCut`. */
export async function startTcpProxy(port: number, { isCut = false } = {}): Promise<TcpProxy> {
  const proxy = new Proxy(port);
  await proxy.listen();
  if (isCut) await proxy.cut();
  return proxy;
}

class Proxy implements TcpProxy {
  port = 0;
  swallowed = 0;
  private isHanging = false;
  private delayMs = 0;
  private server: Server | null = null;
  private readonly sockets = new Set<Socket>();

  constructor(private targetPort: number) {}

  async listen(): Promise<void> {
    if (this.server !== null) return;
    this.server = createServer((client) => {
      const target = connect(this.targetPort, '127.0.0.1');
      this.join(client, target);
      this.join(target, client);
    }).listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    const address = this.server.address();
    if (address !== null && typeof address === 'object') this.port = address.port;
  }

  async cut(): Promise<void> {
    const { server } = this;
    this.server = null;
    const isClosed = server === null ? Promise.resolve() : once(server, 'close');
    server?.close();
    this.destroyAll();
    await isClosed;
  }

  hang(): void {
    this.isHanging = true;
  }

  leadTo(port: number): void {
    this.targetPort = port;
  }

  delay(ms: number): void {
    this.delayMs = ms;
  }

  async restore(): Promise<void> {
    if (this.isHanging) this.destroyAll();
    this.isHanging = false;
    await this.listen();
  }

  stop(): Promise<void> {
    return this.cut();
  }

  private join(from: Socket, to: Socket): void {
    this.sockets.add(from);
    from.on('data', (piece) => {
      if (this.isHanging) this.swallowed++;
      else if (this.delayMs === 0) to.write(piece);
      else setTimeout(() => to.write(piece), this.delayMs);
    });
    from.on('error', () => undefined); // a cut connection is what this is for
    from.on('close', () => {
      this.sockets.delete(from);
      to.destroy();
    });
  }

  private destroyAll(): void {
    for (const socket of this.sockets) socket.destroy();
  }
}
