import { Agent, request } from 'node:http';

const TICK_MS = 20;

/** A call that has one good answer: 200. */
export interface LoadCall {
  method: 'GET' | 'POST';
  path: string;
  body?: object;
}

/** So many calls a second over connections kept alive, whether or not the ones before were answered. */
export class SteadyLoad {
  /** Calls that were not answered by 200, each with what became of it. */
  readonly failures: string[] = [];
  sent = 0;
  private readonly agent = new Agent({ keepAlive: true });
  private readonly pending = new Set<Promise<void>>();
  private readonly timer: NodeJS.Timeout;

  /** Sends the calls in turns, `perSecond` of them, until it is stopped. */
  constructor(
    private readonly url: string,
    private readonly token: string,
    private readonly calls: readonly LoadCall[],
    perSecond: number,
  ) {
    const beganMs = performance.now();
    this.timer = setInterval(() => {
      const due = ((performance.now() - beganMs) * perSecond) / 1000;
      while (this.sent < due) this.send();
    }, TICK_MS);
  }

  /** Sends nothing more, and waits for what was sent. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all(this.pending);
    this.agent.destroy();
  }

  private send(): void {
    const call = this.calls[this.sent++ % this.calls.length];
    if (call === undefined) throw new Error('no calls to send');
    const one = this.outcomeOf(call).then((failure) => {
      this.pending.delete(one);
      if (failure !== null) this.failures.push(`${call.method} ${call.path}: ${failure}`);
    });
    this.pending.add(one);
  }

  /** Null where the call was answered as it should be. */
  private outcomeOf({ method, path, body }: LoadCall): Promise<string | null> {
    const headers = { authorization: `Bearer ${this.token}`, 'content-type': 'application/json' };
    return new Promise((resolve) => {
      const fail = (error: Error): void => {
        resolve(error.message);
      };
      request(this.url + path, { method, agent: this.agent, headers }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
        response.once('end', () => {
          resolve(response.statusCode === 200 ? null : `${response.statusCode} ${text}`);
        });
        response.once('error', fail);
      })
        .once('error', fail)
        .end(body === undefined ? undefined : JSON.stringify(body));
    });
  }
}
