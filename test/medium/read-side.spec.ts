import { Logger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import { parseDatabaseUrl, type DatabaseAddress } from '../../src/config/database-url';
import type { Settings } from '../../src/config/settings';
import { ReplicaBeat } from '../../src/database/entities/replica-beat.entity';
import { ReadSide } from '../../src/database/read-side';
import { TrackDocumentsRepository } from '../../src/tracks/track-documents.repository';
import { TracksRepository } from '../../src/tracks/tracks.repository';
import { aRecording, isrcOf } from '../builders/recording';
import { openMigrated } from '../support/data-source';
import { createTestDatabase, type TestDatabase } from '../support/database';

jest.setTimeout(60_000);
Logger.overrideLogger(false);

const ISRC = isrcOf(1);

let databases: TestDatabase[];
let writer: DataSource;
let copy: DataSource;
let readSide: ReadSide;
let tracks: TracksRepository;
let documents: TrackDocumentsRepository;

beforeEach(async () => {
  databases = [await createTestDatabase(), await createTestDatabase()];
  [writer, copy] = (await Promise.all(databases.map(({ url }) => openMigrated(url)))) as [
    DataSource,
    DataSource,
  ];
  const [database, replica] = databases.map(({ url }) => addressOf(url)) as [
    DatabaseAddress,
    DatabaseAddress,
  ];
  readSide = new ReadSide(writer, {
    database: { ...database, shouldMigrate: true },
    replicas: DATABASE_ENGINE === 'sqlite' ? [] : [replica],
  } as unknown as Settings);
  tracks = new TracksRepository(writer, readSide);
  documents = new TrackDocumentsRepository(writer, readSide);
});

afterEach(async () => {
  await documents.onModuleDestroy();
  await readSide.onApplicationShutdown();
  for (const source of [writer, copy]) if (source.isInitialized) await source.destroy();
  for (const database of databases) await database.drop();
});

function addressOf(url: string): DatabaseAddress {
  const parsed = parseDatabaseUrl(url);
  if ('fault' in parsed) throw new Error(parsed.fault);
  return parsed.address;
}

const titled = (title: string) => aRecording({ isrc: ISRC, title });

async function titleRead(): Promise<string | undefined> {
  const found = await documents.find(ISRC);
  return found === null ? undefined : (JSON.parse(found.body) as { title: string }).title;
}

if (DATABASE_ENGINE === 'sqlite') {
  it('reads beside a transaction that writes, and what it wrote right after', async () => {
    await tracks.saveRecording(titled('before'), { onlyIfStored: false });
    expect(await titleRead()).toBe('before'); // and opens the second connection
    await sleep(200);
    let hasRead = '';
    await tracks.saveRecordings([titled('after')], {
      onlyIfStored: false,
      within: async () => {
        hasRead = (await titleRead()) ?? '';
      },
    });
    expect(hasRead).toBe('before');
    expect(await titleRead()).toBe('after');
  });
} else {
  /** Does what replication does: the writer's track, where there is one, under another title, and its counts. */
  const replicate = async (title: string) => {
    await new TracksRepository(copy).saveRecording(titled(title), { onlyIfStored: false });
    await catchUp();
  };
  const catchUp = async () => {
    for (const beat of await writer.manager.find(ReplicaBeat)) await copy.manager.save(ReplicaBeat, beat);
  };
  const states = () => readSide.report().map(({ state }) => state);

  /** The writer of another process, which may have no replicas at all. */
  const elsewhere = () =>
    new TracksRepository(writer, new ReadSide(writer, { database: {}, replicas: [] } as unknown as Settings));

  it('reads a replica that has all that was written, and the writer while it lacks anything, whoever wrote it', async () => {
    await tracks.saveRecording(titled('of the writer'), { onlyIfStored: false });
    await readSide.probe();
    expect(states()).toEqual(['behind']); // nothing was replicated yet
    expect(await titleRead()).toBe('of the writer');

    await replicate('of the replica');
    await readSide.probe();
    expect(states()).toEqual(['ok']);
    expect(await titleRead()).toBe('of the replica');

    for (const by of [tracks, elsewhere(), tracks, elsewhere()]) {
      await by.saveRecording(titled('of the writer, anew'), { onlyIfStored: false });
      expect(states()).toEqual(['ok']);
      expect(await titleRead()).toBe('of the writer, anew');
      await replicate('of the replica, anew');
      expect(await titleRead()).toBe('of the replica, anew');
      await by.deleteTrack(ISRC);
      expect(await titleRead()).toBeUndefined();
      await catchUp();
      expect(await titleRead()).toBe('of the replica, anew');
    }
  });

  it('is not deceived by another write that the replica has already', async () => {
    await replicate('of the replica');
    await readSide.probe();
    await catchUp();
    await readSide.probe();
    expect(await titleRead()).toBe('of the replica');
    await elsewhere().saveRecording(titled('of the writer'), { onlyIfStored: false });
    // As many writes as the writer has, and not the same ones.
    const unlike = (await writer.manager.find(ReplicaBeat)).filter(({ id }) => id > 1);
    for (const { id } of unlike) {
      const other = id === 2 ? 3 : 2;
      await copy.manager.save(ReplicaBeat, { id: other, beat: '1' });
    }
    expect(await titleRead()).toBe('of the writer');
    await catchUp();
    expect(await titleRead()).toBe('of the replica');
  });

  it('counts nothing of what is rolled back, and each of many writers at once', async () => {
    const total = async () =>
      (await writer.manager.find(ReplicaBeat)).reduce(
        (sum, { id, beat }) => sum + (id > 1 ? Number(beat) : 0),
        0,
      );
    const fails = tracks.saveRecordings([titled('never')], {
      onlyIfStored: false,
      within: () => Promise.reject(new Error('no')),
    });
    await expect(fails).rejects.toThrow('no');
    expect(await total()).toBe(0);
    await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        (n % 2 === 0 ? tracks : elsewhere()).saveRecording(aRecording({ isrc: isrcOf(n + 2) }), {
          onlyIfStored: false,
        }),
      ),
    );
    expect(await total()).toBe(40);
  });

  it('reads the writer where it does not tell what it has', async () => {
    await replicate('of the replica');
    await readSide.probe();
    await catchUp();
    await readSide.probe();
    await writer.query('ALTER TABLE replica_beat RENAME TO away');
    expect(await titleRead()).toBeUndefined();
    expect(states()).toEqual(['ok']);
    await writer.query('ALTER TABLE away RENAME TO replica_beat');
    expect(await titleRead()).toBe('of the replica');
  });

  it('leaves a replica out that stands still, and takes it back', async () => {
    await replicate('of the replica');
    await readSide.probe();
    await catchUp();
    await readSide.probe();
    expect(await titleRead()).toBe('of the replica');
    await sleep(2_500);
    await readSide.probe();
    expect(states()).toEqual(['behind']);
    expect(await titleRead()).toBeUndefined();
    await catchUp();
    await readSide.probe();
    expect(await titleRead()).toBe('of the replica');
  });

  it('goes to the writer in the same read where the replica fails', async () => {
    // By another process, as far as this one knows.
    await new TracksRepository(writer).saveRecording(titled('of the writer'), { onlyIfStored: false });
    await replicate('of the replica');
    await readSide.probe();
    await catchUp();
    await readSide.probe();
    expect(await titleRead()).toBe('of the replica');
    await copy.destroy();
    await databases[1]?.drop();
    expect(await titleRead()).toBe('of the writer');
    expect(states()).toEqual(['unreachable']);
    await readSide.probe();
    expect(states()).toEqual(['unreachable']);
    expect(await titleRead()).toBe('of the writer');
  });
}
