/** The little of `pg` that is used here and in the tests; the driver brings no types of its own. */
declare module 'pg' {
  export class Client {
    readonly connection: { readonly stream: import('node:net').Socket };
    constructor(options: object);
    on(event: 'error', listener: (error: Error) => void): this;
    connect(): Promise<void>;
    query(text: string): Promise<{ rows: Record<string, unknown>[] }>;
    end(): Promise<void>;
  }

  /** Called with a client, or with what was in the way; `release(true)` takes it out of the pool. */
  export type GivenClient = (
    error: Error | undefined,
    client: Client | undefined,
    release: (isBroken?: boolean) => void,
  ) => void;

  export class Pool {
    /** Those that nobody uses. */
    protected readonly _idle: readonly { readonly client: Client }[];
    constructor(options: object);
    on(event: 'connect', listener: (client: Client) => void): this;
    connect(callback: GivenClient): void;
    query(text: string, values: readonly unknown[]): Promise<{ rows: unknown[] }>;
  }

  const pg: { readonly Client: typeof Client; readonly Pool: typeof Pool };
  export default pg;
}
