import type { DataSource } from 'typeorm';
import { currentCall } from '../../src/common/request-identity';
import { telemetry } from '../../src/common/telemetry';

/**
 * Counts how many times calls over HTTP take a connection to ask the database something, until `stop`. What goes on in the
 * background besides, imports say, is none of theirs.
 */
export function countQueriesOfCalls(dataSource: DataSource): { readonly count: number; stop(): void } {
  let count = 0;
  const create = dataSource.createQueryRunner.bind(dataSource);
  const spy = jest.spyOn(dataSource, 'createQueryRunner').mockImplementation((mode) => {
    if (currentCall.getStore() !== undefined) count++;
    return create(mode);
  });
  return {
    get count() {
      return count;
    },
    stop: () => {
      spy.mockRestore();
    },
  };
}

/** The statements on a table of tracks, albums or artists that any connection of this process sends during `work`. */
export async function statementsOn(tables: RegExp, work: () => Promise<unknown>): Promise<string[]> {
  const seen: string[] = [];
  const stop = telemetry.onStatement(({ text }) => {
    if (tables.test(text)) seen.push(text);
  });
  try {
    await work();
    return seen;
  } finally {
    stop();
  }
}
