/** Types of `servers.mjs`, for the TypeScript beside it. */
export declare function startServers(engines: readonly string[]): Promise<{
  servers: Record<string, { url: string; pid: number; folder: string }>;
  stop: () => Promise<void>;
}>;
