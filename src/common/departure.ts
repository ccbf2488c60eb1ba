import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** A connection that was just accepted may be about to ask: it is given so long. */
const UNUSED_MS = 500;

/**
 * How this server leaves. From the signal on it is not ready, and every answer closes its connection, so that clients come back through
 * whatever stands in front, to another replica. Later it closes: no new connections, idle ones are closed, calls in hand finish.
 */
export class Departure {
  private begun = false;
  private readonly sockets = new Set<Socket>();

  /** @param server whose connections are to be closed in the end */
  constructor(private readonly server: Server) {
    server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
    });
  }

  /** Whether this process was told to go: it should get no more traffic. */
  get hasBegun(): boolean {
    return this.begun;
  }

  begin(): void {
    this.begun = true;
  }

  /** To be called as the server closes: Node then closes idle connections, but waits for those on which nothing was ever asked. */
  closeUnused(): void {
    this.begin();
    const closeSilent = (): void => {
      for (const socket of this.sockets) if (socket.bytesRead === 0) socket.destroy();
    };
    // Timers come before input: what arrived while the event loop was busy has to be read first.
    setTimeout(() => setImmediate(closeSilent), UNUSED_MS).unref();
  }

  /** Cuts whatever is still under way. */
  cut(): void {
    this.server.closeAllConnections();
  }
}
