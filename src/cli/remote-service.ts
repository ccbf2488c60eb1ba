import { z } from 'zod';

const problem = z.object({ title: z.string(), detail: z.string() });

/** A call that a server refused, or that did not reach it; the message is for whoever typed the command. */
export class RemoteCallError extends Error {
  override readonly name = 'RemoteCallError';

  /** @param isPassing whether the same call may succeed a little later */
  constructor(
    message: string,
    readonly isPassing = false,
  ) {
    super(message);
  }
}

/** The server is away, restarts, or wants to be asked less often. */
const PASSING_STATUSES = new Set([429, 502, 503, 504]);

interface CallOptions {
  readonly body?: ReadableStream<Uint8Array> | string;
  readonly contentType?: string;
  readonly accept?: string;
}

/** Another Deadwax, over HTTP. */
export class RemoteService {
  private readonly base: string;

  /** @throws RemoteCallError where the address is none */
  constructor(
    server: string,
    private readonly token: string | null,
  ) {
    if (!URL.canParse(server) || !/^https?:$/.test(new URL(server).protocol))
      throw new RemoteCallError(`--server must be an address as in https://host: ${JSON.stringify(server)}`);
    this.base = server.replace(/\/+$/, '');
  }

  /** @throws RemoteCallError */
  async call(
    method: string,
    path: string,
    { body, contentType, accept }: CallOptions = {},
  ): Promise<Response> {
    let answer: Response;
    try {
      answer = await fetch(this.base + path, {
        method,
        headers: {
          accept: accept ?? 'application/json',
          ...(this.token === null ? {} : { authorization: `Bearer ${this.token}` }),
          ...(contentType === undefined ? {} : { 'content-type': contentType }),
        },
        ...(body === undefined ? {} : { body, duplex: 'half' }),
      });
    } catch (error) {
      const { message, cause } = error as Error;
      const why = cause instanceof Error ? cause.message : message;
      throw new RemoteCallError(`${this.base} cannot be reached: ${why}`, true);
    }
    if (answer.ok) return answer;
    const told = problem.safeParse(await answer.json().catch(() => null));
    const why = told.success ? `${told.data.title}: ${told.data.detail}` : `status ${answer.status}`;
    throw new RemoteCallError(`${this.base} refused: ${why}`, PASSING_STATUSES.has(answer.status));
  }

  /** The text of an answer as it comes. */
  async *textOf(answer: Response): AsyncGenerator<string> {
    const decoder = new TextDecoder();
    if (answer.body === null) return;
    for await (const chunk of answer.body as AsyncIterable<Uint8Array>)
      yield decoder.decode(chunk, { stream: true });
    yield decoder.decode();
  }
}
