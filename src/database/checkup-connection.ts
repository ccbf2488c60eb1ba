import { DataSource, type DataSourceOptions } from 'typeorm';
import { type Findings, reasonOf } from '../common/finding';

/** What an examination has of a database: a connection of its own, null where there is none, and what it found. */
export interface Examined {
  readonly source: DataSource | null;
  readonly findings: Findings;
}

/** Connects, or tells why not. */
export async function connectFor(
  findings: Findings,
  options: DataSourceOptions,
  place: string,
  advice: string,
): Promise<DataSource | null> {
  const source = new DataSource(options);
  try {
    return await source.initialize();
  } catch (error) {
    findings.fail(`${place} cannot be used: ${reasonOf(error)}`, advice);
    return null;
  }
}
