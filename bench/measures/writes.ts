import { existsSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { createTypicalTables, loadTableFiles, makeDatabase, writeTableFiles } from '../lib/mariadb';
import { ROOT, runProgram, runScript } from '../lib/processes';
import type { Context, Measure, Table } from '../lib/report';
import { interleave } from '../lib/rounds';
import { shardsOf } from '../lib/shards';
import { figure, median, spread } from '../lib/statistics';
import { TYPICAL_TABLES, type TypicalTable } from '../lib/typical-schema';

/** What the limit loads: no documents, no search index. */
const TABLES: readonly TypicalTable[] = ['artists', 'albums', 'tracks', 'track_artists'];
const TYPEORM_SAVE = join(__dirname, '..', 'lib', 'typeorm-save.ts');

interface Method {
  readonly title: string;
  readonly tracks: number;
  /** Seconds of each part of the work; the second one, where there is one, stores the same rows again. */
  run(): Promise<number[]>;
}

/** Bulk storage against what the database engine does by itself, and against the ORM. */
export const writes: Measure = {
  name: 'writes',
  title: 'Bulk upsert',
  async run(context) {
    const tracks = context.isQuick ? 10_000 : 200_000;
    const files = context.world.makeFolder('write-files');
    await writeTableFiles(files, tracks);
    const tables = [
      await compare(context, 'MariaDB', await onMariadb(context, tracks, files)),
      await compare(context, 'SQLite', await onSqlite(context, tracks, files)),
    ];
    return {
      tables,
      plots: [],
      remarks: [
        'The limit loads tracks, albums, artists and links alone; Deadwax stores besides them document, candidates and search index.',
      ],
    };
  },
};

async function onMariadb({ world, isQuick }: Context, tracks: number, files: string): Promise<Method[]> {
  const server = await world.mariadb();
  const processes = availableParallelism();
  const fresh = async (name: string) => {
    const url = await makeDatabase(server, name);
    await world.saveRecordings(url, 0, 0); // the migrations
    return url;
  };
  const saved = isQuick ? 1_000 : 3_000;
  return [
    {
      title: 'limit: LOAD DATA INFILE, whole files',
      tracks,
      run: async () => {
        const url = await makeDatabase(server, 'writes_limit');
        await createTypicalTables(url);
        return [await secondsOf(() => loadTableFiles(url, files, tracks, TABLES))];
      },
    },
    {
      title: 'Deadwax, one process',
      tracks,
      run: async () => world.saveRecordings(await fresh('writes_one'), 0, tracks, 2),
    },
    {
      title: `Deadwax, ${processes} processes`,
      tracks,
      run: async () => {
        const url = await fresh('writes_many');
        const parts = await Promise.all(
          shardsOf(tracks, processes).map(({ from, to }) => world.saveRecordings(url, from, to, 2)),
        );
        // The slowest process decides.
        return [0, 1].map((time) => Math.max(...parts.map((seconds) => seconds[time] ?? 0)));
      },
    },
    {
      title: 'TypeORM save() of 500, cascades',
      tracks: saved,
      run: async () => {
        const url = await makeDatabase(server, 'writes_orm');
        await createTypicalTables(url);
        return [Number(await runScript(TYPEORM_SAVE, ['mysql', String(saved)], { DATABASE_URL: url }))];
      },
    },
  ];
}

async function onSqlite({ world, isQuick }: Context, tracks: number, files: string): Promise<Method[]> {
  const fresh = (name: string) => {
    const path = join(world.folder, name);
    for (const end of ['', '-wal', '-shm']) if (existsSync(path + end)) rmSync(path + end);
    return path;
  };
  const typical = (path: string) => {
    const database = new Database(path);
    for (const name of TABLES) database.exec(`CREATE TABLE ${name} (${TYPICAL_TABLES[name].sqlite})`);
    database.close();
  };
  const saved = isQuick ? 1_000 : 3_000;
  const methods: Method[] = [
    {
      title: 'Deadwax, one process',
      tracks,
      run: () => world.saveRecordings(`sqlite:${fresh('writes-deadwax.db')}`, 0, tracks, 2),
    },
    {
      title: 'TypeORM save() of 500, cascades',
      tracks: saved,
      run: async () => {
        const path = fresh('writes-orm.db');
        typical(path);
        return [Number(await runScript(TYPEORM_SAVE, ['better-sqlite3', String(saved)], { DATABASE_URL: path }))];
      },
    },
  ]; // prettier-ignore
  if (!(await world.sqliteCommandLine())) return methods;
  const limit: Method = {
    title: 'limit: sqlite3 .import, whole files',
    tracks,
    run: async () => {
      const path = fresh('writes-limit.db');
      typical(path);
      const imports = TABLES.flatMap((name) =>
        shardsOf(tracks).map(({ from }) => `.import ${join(files, `${name}-${from}.tsv`)} ${name}`),
      );
      const commands = ['PRAGMA journal_mode = WAL', 'PRAGMA synchronous = NORMAL', '.mode ascii', '.separator "\\t" "\\n"', ...imports]; // prettier-ignore
      return [await secondsOf(() => runProgram('sqlite3', [path, ...commands], { cwd: ROOT }))];
    },
  };
  return [limit, ...methods];
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await work();
  return (performance.now() - startedAt) / 1000;
}

async function compare(context: Context, engine: string, methods: readonly Method[]): Promise<Table> {
  const found = await interleave(
    context,
    methods,
    (method) => method.run(),
    (seconds) => `${figure(seconds[0] ?? NaN)} s`,
  );
  const rates = (method: Method | undefined, part: number) =>
    (method && found.get(method)?.map((seconds) => method.tracks / (seconds[part] ?? NaN))) ?? [];
  const named = (word: string) =>
    median(
      rates(
        methods.find(({ title }) => title.startsWith(word)),
        0,
      ),
    );
  return {
    title: engine,
    columns: ['method', 'tracks', 'new tracks/s', 'again tracks/s', '/ limit', '× save()'],
    rows: methods.map((method) => [
      method.title,
      method.tracks.toLocaleString('en-US'),
      spread(rates(method, 0)),
      figure(median(rates(method, 1))),
      figure(median(rates(method, 0)) / named('limit')),
      figure(median(rates(method, 0)) / named('TypeORM')),
    ]),
  };
}
