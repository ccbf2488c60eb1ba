import { Agent, createServer, get, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** How often each server is asked whether it should get traffic. */
const PROBE_MS = 100;

/**
 * What stands in front of replicas: calls go in turns to those whose readiness is 200, over connections that are kept alive. Nothing is
 * tried again: what fails between balancer and server fails for the client, as 502 with the reason.
 */
export class Balancer {
  private readonly servers = new Map<number, { isUp: boolean; readonly agent: Agent }>();
  private readonly server = createServer((incoming, outgoing) => {
    this.pass(incoming, outgoing);
  });
  private readonly timer: NodeJS.Timeout;
  private turn = 0;

  private constructor(ports: readonly number[]) {
    for (const port of ports) this.servers.set(port, { isUp: false, agent: new Agent({ keepAlive: true }) });
    this.timer = setInterval(() => {
      for (const port of this.servers.keys()) this.probe(port);
    }, PROBE_MS);
  }

  /** @param ports of servers on 127.0.0.1 */
  static async start(ports: readonly number[]): Promise<Balancer> {
    const balancer = new Balancer(ports);
    await new Promise<void>((resolve) => balancer.server.listen(0, '127.0.0.1', resolve));
    return balancer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Whether this server gets calls now. */
  isUp(port: number): boolean {
    return this.servers.get(port)?.isUp === true;
  }

  stop(): void {
    clearInterval(this.timer);
    this.server.close();
    this.server.closeAllConnections();
    for (const { agent } of this.servers.values()) agent.destroy();
  }

  private probe(port: number): void {
    const set = (isUp: boolean): void => {
      const server = this.servers.get(port);
      if (server !== undefined) server.isUp = isUp;
    };
    const url = `http://127.0.0.1:${port}/health/ready`;
    get(url, { agent: false, timeout: 10 * PROBE_MS }, (response) => {
      response.resume();
      set(response.statusCode === 200);
    })
      .once('timeout', function (this: { destroy(): void }) {
        this.destroy();
      })
      .once('error', () => {
        set(false);
      });
  }

  private pass(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const up = [...this.servers].filter(([, { isUp }]) => isUp);
    const chosen = up[this.turn++ % Math.max(up.length, 1)];
    const fail = (reason: string): void => {
      if (outgoing.headersSent) outgoing.destroy();
      else outgoing.writeHead(502).end(reason);
    };
    if (chosen === undefined) {
      fail('no server is ready');
      return;
    }
    const [port, { agent }] = chosen;
    const { method, url: path, headers } = incoming;
    const { connection: _, ...passed } = headers;
    const onward = request({ host: '127.0.0.1', port, method, path, headers: passed, agent }, (answer) => {
      const { connection: _connection, ...shown } = answer.headers;
      outgoing.writeHead(answer.statusCode ?? 502, shown);
      answer.pipe(outgoing);
    });
    onward.once('error', (error) => {
      fail(error.message);
    });
    incoming.pipe(onward);
  }
}
