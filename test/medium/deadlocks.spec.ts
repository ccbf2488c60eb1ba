import type { DataSource, QueryRunner } from 'typeorm';
import { telemetry } from '../../src/common/telemetry';
import type { Recording } from '../../src/recording/recording';
import { TracksRepository } from '../../src/tracks/tracks.repository';
import { anAlbum, anArtist, aRecording, isrcOf } from '../builders/recording';
import { assertConsistent } from '../support/consistency';
import { openMigrated } from '../support/data-source';
import { createTestDatabase, type TestDatabase } from '../support/database';

/* Row D01: whichever statement of a save or a removal meets a deadlock, the whole is done once, by the second try. */

jest.setTimeout(120_000);

/** As the drivers report it. */
const DEADLOCK = {
  mariadb: { errno: 1213, code: 'ER_LOCK_DEADLOCK' },
  postgres: { code: '40P01' },
  sqlite: { code: 'SQLITE_BUSY' },
} as const;
const BEGIN = /^\s*(BEGIN|START TRANSACTION)/i;
const ALWAYS = { onlyIfStored: false };

let database: TestDatabase;
let dataSource: DataSource;
let tracks: TracksRepository;

beforeAll(async () => {
  database = await createTestDatabase();
  dataSource = await openMigrated(database.url);
  tracks = new TracksRepository(dataSource);
});
afterAll(async () => {
  await dataSource.destroy();
  await database.drop();
});

interface Run {
  /** Without the one that begins a transaction. */
  readonly statements: string[];
  tries: number;
  failed: number;
}

/** Does the work; the statement at this place, COMMIT too, fails the first time. */
async function withDeadlockAt(place: number, work: () => Promise<unknown>): Promise<Run> {
  const run: Run = { statements: [], tries: 0, failed: 0 };
  const runner = dataSource.createQueryRunner();
  const prototype = Object.getPrototypeOf(runner) as QueryRunner;
  await runner.release();
  const query = Reflect.get(prototype, 'query') as (
    this: unknown,
    text: string,
    ...rest: unknown[]
  ) => Promise<unknown>;
  const stop = telemetry.onStatement(({ hasFailed }) => {
    if (hasFailed) run.failed += 1;
  });
  const spy = jest.spyOn(prototype, 'query').mockImplementation(function (
    this: unknown,
    text: string,
    ...rest: unknown[]
  ) {
    if (BEGIN.test(text)) run.tries += 1;
    else {
      run.statements.push(text);
      if (run.statements.length === place + 1)
        return Promise.reject(Object.assign(new Error('on purpose'), DEADLOCK[DATABASE_ENGINE]));
    }
    return query.call(this, text, ...rest) as never;
  } as never);
  try {
    await work();
    return run;
  } finally {
    spy.mockRestore();
    stop();
  }
}

/** With an artist and an album that others have, and an artist that nobody else has. */
const version = (at: number, title: string): Recording =>
  aRecording({
    isrc: isrcOf(at),
    title: `${title}${at}`, // a word that is not known yet
    artists: [anArtist('Shared By All', 'shared'), anArtist(`Own ${title}${at}`, `own-${title}-${at}`)],
    album: anAlbum({ id: `album-${title}` }),
  });

it.each<{
  what: string;
  prepare: (at: number) => unknown;
  work: (at: number) => Promise<unknown>;
  result: string | undefined;
}>([
  {
    what: 'keeps a new track',
    prepare: () => undefined,
    work: (at) => tracks.saveRecording(version(at, 'first'), ALWAYS),
    result: 'first',
  },
  {
    what: 'replaces a track, its artists and its album',
    prepare: (at) => tracks.saveRecording(version(at, 'first'), ALWAYS),
    work: (at) => tracks.saveRecording(version(at, 'second'), ALWAYS),
    result: 'second',
  },
  {
    what: 'removes a track',
    prepare: (at) => tracks.saveRecording(version(at, 'first'), ALWAYS),
    work: (at) => tracks.deleteTrack(isrcOf(at)),
    result: undefined,
  },
])('D01 $what whichever statement meets a deadlock', async ({ prepare, work, result }) => {
  const met: string[] = [];
  for (let at = 0; met.length === at; at++) {
    await prepare(at);
    const { statements, tries, failed } = await withDeadlockAt(at, () => work(at));
    if (failed === 1) met.push(statements[at] ?? '');
    expect([statements[at], tries, failed]).toEqual([statements[at], 1 + failed, failed]);
    expect((await tracks.findTrack(isrcOf(at)))?.title).toBe(result && `${result}${at}`);
  }
  expect(met.length).toBeGreaterThan(5);
  expect(met.at(-1)).toMatch(/^COMMIT/);
  await assertConsistent(dataSource);
  for (let at = 0; at <= met.length; at++) await tracks.deleteTrack(isrcOf(at));
  await assertConsistent(dataSource);
});
