import { accessSync, constants, existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { Findings } from '../common/finding';
import { type Examined, connectFor } from './checkup-connection';
import { createReadSource } from './data-source';

/** A log that grows beyond this is not being folded into the file: somebody reads without end. */
const LARGE_LOG_BYTES = 1024 ** 3;
/** Above it, looking through the whole file would take minutes. */
const QUICK_CHECK_BYTES = 256 * 1024 ** 2;

/** Examines an SQLite file by a connection that only reads. One that is missing is not made. */
export async function examineFile(path: string): Promise<Examined> {
  const findings = new Findings('database');
  if (path === ':memory:') {
    findings.warn(
      'the database is in memory: all is lost with the process',
      'set DATABASE_URL to sqlite:PATH.',
    );
    return { source: null, findings };
  }
  if (!existsSync(path)) {
    examineMissing(path, findings);
    return { source: null, findings };
  }
  const { options } = createReadSource({ engine: 'sqlite', path }, 1);
  const advice = `check that ${path} is the database and that this user may read it; else restore a backup.`;
  const source = await connectFor(findings, options, `the SQLite file ${path}`, advice);
  if (source === null) return { source, findings };

  const first = async (sql: string): Promise<string> => {
    const [row] = await source.query<Record<string, unknown>[]>(sql);
    return String(Object.values(row ?? {})[0]);
  };
  const size = statSync(path);
  findings.ok(`SQLite ${await first('SELECT sqlite_version()')}, ${path}, ${toMebibytes(size.size)} MiB`);
  if ((await first('PRAGMA journal_mode')) !== 'wal')
    findings.warn('the file is not in WAL mode', 'start the server once: it sets the mode.');
  if (size.size <= QUICK_CHECK_BYTES) {
    const state = await first('PRAGMA quick_check(1)');
    if (state !== 'ok')
      findings.fail(
        `the file is damaged: ${state}`,
        'stop the server and restore a backup (docs/operations.md).',
      );
  }
  if ((size.mode & 0o077) !== 0)
    findings.warn(
      'others than its owner may open the file, which holds hashes of tokens',
      `run: chmod 600 ${path}*`,
    );
  for (const [each, what] of [
    [path, 'the file'],
    [dirname(path), 'its folder'],
  ] as const) {
    if (!isWritable(each))
      findings.fail(
        `this user may not write ${what}`,
        `give it to the user that runs the server: chown USER ${each}`,
      );
  }
  const log = existsSync(`${path}-wal`) ? statSync(`${path}-wal`).size : 0;
  if (log > LARGE_LOG_BYTES)
    findings.warn(
      `the write-ahead log has ${toMebibytes(log)} MiB`,
      'end whoever reads for long (an export, a backup); the server folds it in then.',
    );
  return { source, findings };
}

function examineMissing(path: string, findings: Findings): void {
  let folder = dirname(path);
  while (!existsSync(folder)) folder = dirname(folder);
  if (isWritable(folder))
    findings.warn(
      `there is no file ${path} yet`,
      'the first start makes it; if there should be one, check DATABASE_URL and the folder that the server is started in.',
    );
  else
    findings.fail(
      `there is no file ${path}, and this user may not make one in ${folder}`,
      'create the folder and give it to the user that runs the server, or change DATABASE_URL.',
    );
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

const toMebibytes = (bytes: number): string => (bytes / 1024 ** 2).toFixed(1);
