/** Absolute paths of the programs of each, installed where they were missing and this process may. */
export function ensureBinaries(engines: string[]): Record<string, { server: string; init?: string }>;
