import { Agent, request } from 'node:http';

/** A client of one connection that measures: what a single caller waits for. */
export class HttpClient {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(
    private readonly url: string,
    private readonly token: string,
  ) {}

  /** Body and milliseconds from the call to the last byte. @throws where the status is not 200 */
  get(path: string): Promise<{ body: string; ms: number }> {
    return new Promise((resolve, reject) => {
      const startedAt = performance.now();
      const call = request(
        this.url + path,
        { agent: this.agent, headers: { authorization: `Bearer ${this.token}` }, timeout: 30_000 },
        (response) => {
          const parts: Buffer[] = [];
          response.on('data', (part: Buffer) => parts.push(part));
          response.once('end', () => {
            const ms = performance.now() - startedAt;
            const body = Buffer.concat(parts).toString();
            if (response.statusCode === 200) resolve({ body, ms });
            else reject(new Error(`${path}: ${response.statusCode ?? 0} ${body.slice(0, 300)}`));
          });
          response.once('error', reject);
        },
      );
      call.once('timeout', () => call.destroy(new Error(`${path}: no answer within 30 s`)));
      call.once('error', reject);
      call.end();
    });
  }

  close(): void {
    this.agent.destroy();
  }
}
