import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { openDataSource, rowsOf } from './data-source';
import type { TestDatabase } from './database';

/** All that a database holds, as text: the rows of every table and, of SQLite, the bytes of its files as they lie there. */
export async function dumpDatabase(database: TestDatabase): Promise<string> {
  const dataSource = await openDataSource(database.url);
  const parts: string[] = [];
  try {
    const tables = [
      ...dataSource.entityMetadatas.map(({ tableName }) => tableName),
      'migrations',
      'schema_lock',
    ];
    for (const table of tables) {
      parts.push(table, JSON.stringify(await rowsOf(dataSource, `SELECT * FROM ${table}`)));
    }
  } finally {
    await dataSource.destroy();
  }
  if (database.engine === 'sqlite') {
    const path = database.url.slice('sqlite:'.length);
    for (const name of readdirSync(dirname(path)).filter((each) => each.startsWith(basename(path)))) {
      parts.push(readFileSync(join(dirname(path), name), 'latin1'));
    }
  }
  return parts.join('\n');
}

/** @throws Error that tells which secret is found in what, in clear or in a form that anybody can undo */
export function assertNoSecret(
  haystacks: Readonly<Record<string, string>>,
  secrets: Readonly<Record<string, string>>,
): void {
  for (const [where, text] of Object.entries(haystacks)) {
    if (text === '') throw new Error(`there is nothing to look into: ${where}`);
    for (const [name, secret] of Object.entries(secrets)) {
      if (secret.length < 8) throw new Error(`too short to be looked for: ${name}`);
      const bytes = Buffer.from(secret);
      const forms = [
        secret,
        encodeURIComponent(secret),
        bytes.toString('base64').replace(/.?=*$/, ''),
        bytes.toString('hex'),
      ];
      const found = forms.find((form) => text.includes(form));
      if (found === undefined) continue;
      const at = text.indexOf(found);
      throw new Error(`${name} is in ${where}: …${text.slice(Math.max(0, at - 80), at)}[here]`);
    }
  }
}
