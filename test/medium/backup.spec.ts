import { execFile, spawn } from 'node:child_process';
import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import catalogue from '../../src/sample/catalogue.json';
import { startApp, type TestApp } from '../support/app';
import { assertConsistent } from '../support/consistency';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { openDataSource } from '../support/data-source';

/* The commands of docs/operations.md, run while the service writes: what they make is whole, and is served from. */

jest.setTimeout(120_000);

const run = promisify(execFile);
const ISRCS = [...new Set(catalogue.tracks.map(({ isrc }) => isrc))].slice(0, 60);
const BEFORE = ISRCS.slice(0, 20);

/** As client programs of the engines are told where to go. */
function addressOf({ url }: TestDatabase) {
  const { hostname, port, username, pathname, password } = new URL(url);
  return { hostname, port, username: decodeURIComponent(username), name: pathname.slice(1), password };
}

async function backUp(database: TestDatabase, file: string): Promise<void> {
  const { url, engine } = database;
  if (engine === 'sqlite') {
    const script = `require('better-sqlite3')(process.argv[1]).exec("VACUUM INTO '" + process.argv[2] + "'")`;
    await run(process.execPath, ['-e', script, url.slice('sqlite:'.length), file], { cwd: process.cwd() });
    return;
  }
  const { hostname, port, username, name, password } = addressOf(database);
  if (engine === 'postgres') {
    await run(
      'pg_dump',
      ['--format=custom', '--no-owner', `--file=${file}`, '-h', hostname, '-p', port, '-U', username, name],
      { env: { ...process.env, PGPASSWORD: password } },
    );
    return;
  }
  const dump = spawn(
    'mariadb-dump',
    ['--single-transaction', '--quick', '--hex-blob', '--default-character-set=utf8mb4', '-h', hostname, '-P', port, '-u', username, name],
    { env: { ...process.env, MYSQL_PWD: password }, stdio: ['ignore', 'pipe', 'inherit'] },
  ); // prettier-ignore
  const ended = new Promise((resolve) => dump.once('close', resolve));
  await pipeline(dump.stdout, createWriteStream(file));
  expect(await ended).toBe(0);
}

/** Into a database that is empty. */
async function restore(database: TestDatabase, file: string): Promise<void> {
  if (database.engine === 'sqlite') {
    await run('cp', [file, database.url.slice('sqlite:'.length)]);
    return;
  }
  const { hostname, port, username, name, password } = addressOf(database);
  if (database.engine === 'postgres') {
    await run(
      'pg_restore',
      ['--exit-on-error', '--no-owner', '-h', hostname, '-p', port, '-U', username, `--dbname=${name}`, file],
      { env: { ...process.env, PGPASSWORD: password } },
    );
    return;
  }
  const client = spawn(
    'mariadb',
    ['--default-character-set=utf8mb4', '-h', hostname, '-P', port, '-u', username, name],
    { env: { ...process.env, MYSQL_PWD: password }, stdio: ['pipe', 'ignore', 'inherit'] },
  );
  const ended = new Promise((resolve) => client.once('close', resolve));
  await pipeline(createReadStream(file), client.stdin);
  expect(await ended).toBe(0);
}

describe('a backup taken while tracks are written', () => {
  let service: TestApp;
  let copy: TestDatabase;
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'deadwax-backup-'));
    [service, copy] = await Promise.all([startApp(), createTestDatabase()]);
  });
  afterAll(async () => {
    await service.stop();
    await copy.drop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('is whole, has all that was stored before it, and is served from with the same tokens', async () => {
    const store = (isrc: string) => service.call('POST', '/v1/tracks', { json: { isrc } });
    for (const isrc of BEFORE) expect((await store(isrc)).status).toBe(201);
    let isOver = false as boolean;
    const writing = (async () => {
      let written = 0;
      while (!isOver) {
        const isrc = ISRCS[BEFORE.length + (written++ % (ISRCS.length - BEFORE.length))] ?? '';
        expect([200, 201]).toContain((await store(isrc)).status);
        await service.call('DELETE', `/v1/tracks/${isrc}`);
      }
      return written;
    })();
    const file = join(folder, 'backup');
    await backUp(service.database, file).finally(() => {
      isOver = true;
    });
    expect(await writing).toBeGreaterThan(0);
    await restore(copy, file);

    const source = await openDataSource(copy.url);
    await assertConsistent(source);
    await source.destroy();
    const restored = await startApp({ DATABASE_URL: copy.url });
    try {
      const token = service.tokens.admin;
      for (const isrc of BEFORE) {
        const [was, is] = await Promise.all([
          service.call('GET', `/v1/tracks/${isrc}`),
          restored.call('GET', `/v1/tracks/${isrc}`, { token }),
        ]);
        expect([is.status, is.text]).toEqual([200, was.text]);
      }
      const anew = await restored.call('POST', `/v1/tracks/${BEFORE[0] ?? ''}/refresh`, { token });
      expect(anew.status).toBe(200);
    } finally {
      await restored.stop();
    }
  });
});
