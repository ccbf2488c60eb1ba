import type { DataSource } from 'typeorm';
import { judgeDatabaseError } from '../../src/common/database-error';
import { OneDatabase } from '../../src/common/read-database';
import { parseDatabaseUrl } from '../../src/config/database-url';
import { createReadSource } from '../../src/database/data-source';
import { OwnerChange } from '../../src/tracks/entities/owner-change.entity';
import { Track } from '../../src/tracks/entities/track.entity';
import { type ReadyDocument, selectReadyDocuments } from '../../src/tracks/ready-documents.query';
import { toDocument } from '../../src/tracks/track-document';
import { TrackDocumentsRepository } from '../../src/tracks/track-documents.repository';
import { TracksRepository } from '../../src/tracks/tracks.repository';
import { anAlbum, anArtist, aRecording, isrcOf } from '../builders/recording';
import { assertConsistent } from '../support/consistency';
import { openMigrated } from '../support/data-source';
import { createTestDatabase, type TestDatabase } from '../support/database';

jest.setTimeout(60_000);

const ALWAYS = { onlyIfStored: false };

let database: TestDatabase;
/** Two, as two processes have. */
let dataSources: [DataSource, DataSource];
let tracks: TracksRepository;
let documents: TrackDocumentsRepository;

beforeAll(async () => {
  database = await createTestDatabase();
  dataSources = [await openMigrated(database.url), await openMigrated(database.url)];
});

beforeEach(() => {
  tracks = new TracksRepository(dataSources[0]);
  documents = documentsOf(dataSources[1]);
});

afterEach(async () => {
  await documents.onModuleDestroy();
  await assertConsistent(dataSources[0]);
  for (const { isrc } of await dataSources[0].manager.find(Track)) await tracks.deleteTrack(isrc as never);
  await dataSources[0].manager.clear(OwnerChange);
});

afterAll(async () => {
  for (const each of dataSources) await each.destroy();
  await database.drop();
});

function documentsOf(dataSource: DataSource): TrackDocumentsRepository {
  return new TrackDocumentsRepository(dataSource, new OneDatabase(dataSource));
}

interface Shown {
  readonly title: string;
  readonly artists: readonly { readonly name: string }[];
  readonly album: { readonly title: string };
}

async function read(n: number): Promise<Shown | null> {
  const found = await documents.find(isrcOf(n));
  return found === null ? null : (JSON.parse(found.body) as Shown);
}

const changes = () => dataSources[0].manager.count(OwnerChange);

async function mended(): Promise<void> {
  for (const endMs = Date.now() + 20_000; (await changes()) > 0 && Date.now() < endMs;) {
    documents.mendSoon();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(await changes()).toBe(0);
}

it('keeps the bytes and the name of exactly the view that the rows make', async () => {
  await tracks.saveRecording(
    aRecording({ title: 'é " \\ 🎵', artists: [anArtist('Ä'), anArtist('B')] }),
    ALWAYS,
  );
  const stored = await tracks.findTrack(isrcOf(1));
  if (stored === null) throw new Error('not stored');
  expect(await documents.find(isrcOf(1))).toEqual(toDocument(stored));
  expect(await documents.find(isrcOf(2))).toBeNull();
});

it('shows a new name of artist or album on all of their tracks at once, and mends their documents', async () => {
  const [ada, bea] = [anArtist('Ada', 'a'), anArtist('Bea', 'b')];
  await tracks.saveRecordings(
    Array.from({ length: 230 }, (_, n) =>
      aRecording({
        isrc: isrcOf(n),
        artists: n % 2 === 0 ? [ada] : [bea, ada],
        album: anAlbum({ id: n < 3 ? 'x' : 'y' }),
      }),
    ),
    ALWAYS,
  );
  expect(await changes()).toBe(0);
  await tracks.saveRecording(
    aRecording({
      isrc: isrcOf(0),
      artists: [{ ...ada, name: 'Ada L.' }],
      album: anAlbum({ id: 'x', title: 'Renamed' }),
    }),
    ALWAYS,
  );
  expect(await changes()).toBe(2);
  // Marked, whoever reads: other tracks of the artist and of the album.
  expect((await read(1))?.artists.map(({ name }) => name)).toEqual(['Bea', 'Ada L.']);
  expect((await read(2))?.album.title).toBe('Renamed');
  expect((await read(229))?.artists.map(({ name }) => name)).toEqual(['Bea', 'Ada L.']);
  await mended();
  expect((await read(229))?.artists.map(({ name }) => name)).toEqual(['Bea', 'Ada L.']);
  expect((await read(1))?.album.title).toBe('Renamed');
  // No mark is left that would excuse a document that is behind.
  await assertConsistent(dataSources[0]);
});

it('makes the document of a track that has none when it is read', async () => {
  await tracks.saveRecording(aRecording({ title: 'From before' }), ALWAYS);
  await dataSources[0].manager.update(Track, { isrc: isrcOf(1) }, { document: null, documentTag: null });
  expect((await read(1))?.title).toBe('From before');
  await documents.onModuleDestroy();
  const row = await dataSources[0].manager.findOne(Track, {
    where: { isrc: isrcOf(1) },
    select: { isrc: true, document: true },
  });
  expect(JSON.parse(row?.document ?? 'null')).toMatchObject({ title: 'From before' });
});

it('reads by the driver, whatever the number of keys, what TypeORM reads; and neither once it is closed', async () => {
  const stored = [1, 2, 3, 5, 8].map((n) => aRecording({ isrc: isrcOf(n), title: `é " \\ 🎵 ${n}` }));
  await tracks.saveRecordings(stored, ALWAYS);
  const parsed = parseDatabaseUrl(database.url);
  if ('fault' in parsed) throw new Error(parsed.fault);
  const source = await createReadSource(parsed.address, 2).initialize();
  const viaTypeorm = (keys: readonly string[]) =>
    dataSources[0].transaction((manager) => selectReadyDocuments(manager, keys));
  const byIsrc = (rows: readonly ReadyDocument[]) =>
    rows.map((row) => ({ ...row })).sort((a, b) => a.isrc.localeCompare(b.isrc));
  for (const count of [0, 1, 2, 3, 5, 200, 1000]) {
    const keys = Array.from({ length: count }, (_, n) => isrcOf(n + 1));
    const read = byIsrc(await selectReadyDocuments(source.manager, keys));
    expect(read).toEqual(byIsrc(await viaTypeorm(keys)));
    expect(read).toHaveLength(stored.filter(({ isrc }) => keys.includes(isrc)).length);
    expect(byIsrc(await selectReadyDocuments(dataSources[1].manager, keys))).toEqual(read);
  }
  await source.destroy();
  const failure: unknown = await selectReadyDocuments(source.manager, [isrcOf(1)]).catch(
    (error: unknown) => error,
  );
  expect(judgeDatabaseError(failure)).toBe('unavailable');
});

it('serves a view that no column holds, made from the rows', async () => {
  // Its candidate still fits, and the view is a little longer than that.
  const { chosen } = aRecording({ previewUrl: '' });
  const previewUrl = 'x'.repeat(65_500 - Buffer.byteLength(JSON.stringify(chosen)));
  await tracks.saveRecording(aRecording({ previewUrl }), ALWAYS);
  const row = await dataSources[0].manager.findOne(Track, {
    where: { isrc: isrcOf(1) },
    select: { isrc: true, document: true, documentTag: true },
  });
  expect([row?.document, row?.documentTag]).toEqual([null, 'too-long']);
  expect(await read(1)).toMatchObject({ previewUrl });
});

it('never shows less than what was acknowledged before a read began', async () => {
  const readers = [documents, documentsOf(dataSources[0])] as const;
  const name = (version: number) => `Version ${version}`;
  const write = (isrc: number, version: number) =>
    tracks.saveRecording(
      aRecording({
        isrc: isrcOf(isrc),
        title: name(version),
        artists: [{ ...anArtist('x', 'shared'), name: name(version) }],
        album: anAlbum({ id: 'shared', title: name(version) }),
      }),
      ALWAYS,
    );
  await write(1, 0);
  await write(2, 0);
  let acknowledged = 0;
  let isWriting = true;
  const stale: string[] = [];
  let reads = 0;
  const versionOf = (text: string | undefined) => Number(text?.split(' ')[1]);
  const hammer = async (reader: TrackDocumentsRepository, isrc: number) => {
    while (isWriting) {
      const due = acknowledged;
      const found = await reader.find(isrcOf(isrc));
      const shown = JSON.parse(found?.body ?? 'null') as Shown;
      reads += 1;
      // Track 2 is written once: what it shows anew comes from its artist and its album alone.
      if (versionOf(shown.artists[0]?.name) < due || versionOf(shown.album.title) < due) {
        stale.push(`${isrc} shows ${shown.artists[0]?.name} / ${shown.album.title}, due ${due}`);
      }
      if (isrc === 1 && versionOf(shown.title) < due) stale.push(`title ${shown.title}, due ${due}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const hammering = Promise.all(readers.flatMap((reader) => [hammer(reader, 1), hammer(reader, 2)]));
  for (let version = 1; version <= 40 || (reads < 100 && version < 2000); version++) {
    await write(1, version);
    acknowledged = version;
  }
  isWriting = false;
  await hammering;
  await readers[1].onModuleDestroy();
  expect(reads).toBeGreaterThan(40);
  expect(stale).toEqual([]);
  await mended();
});
