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

  export interface Pool {
    query(text: string, values: readonly unknown[]): Promise<{ rows: unknown[] }>;
  }
}
