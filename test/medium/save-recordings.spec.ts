import fc from 'fast-check';
import type { DataSource } from 'typeorm';
import type { Recording } from '../../src/recording/recording';
import { Album } from '../../src/tracks/entities/album.entity';
import { Artist } from '../../src/tracks/entities/artist.entity';
import { Candidate } from '../../src/tracks/entities/candidate.entity';
import { ArtistNameGram } from '../../src/tracks/entities/name-gram.entity';
import { RecordingMiss } from '../../src/tracks/entities/recording-miss.entity';
import { TrackArtist } from '../../src/tracks/entities/track-artist.entity';
import { TrackWord } from '../../src/tracks/entities/track-word.entity';
import { Track } from '../../src/tracks/entities/track.entity';
import { TracksRepository } from '../../src/tracks/tracks.repository';
import { anAlbum, anArtist, aRecording, isrcOf } from '../builders/recording';
import { assertConsistent } from '../support/consistency';
import { openMigrated, rowsOf } from '../support/data-source';
import { createTestDatabase, type TestDatabase } from '../support/database';

jest.setTimeout(60_000);

const ALWAYS = { onlyIfStored: false };
const TABLES = [Track, Album, Artist, TrackArtist, Candidate, TrackWord, ArtistNameGram, RecordingMiss];

let databases: TestDatabase[];
let dataSources: DataSource[];
let dataSource: DataSource;
/** The one under test, on the first database, and one to compare with, on the second. */
let tracks: TracksRepository;
let other: TracksRepository;

beforeAll(async () => {
  databases = [await createTestDatabase(), await createTestDatabase()];
  dataSources = await Promise.all(databases.map(({ url }) => openMigrated(url)));
  [dataSource] = dataSources as [DataSource];
  [tracks, other] = dataSources.map((each) => new TracksRepository(each)) as [
    TracksRepository,
    TracksRepository,
  ];
});

afterEach(async () => {
  await assertConsistent(dataSource);
  for (const { manager } of dataSources)
    for (const table of TABLES) await manager.createQueryBuilder().delete().from(table).execute();
});

afterAll(async () => {
  for (const each of dataSources) await each.destroy();
  for (const each of databases) await each.drop();
});

/** All rows of all tables of tracks but their documents, which may be behind, and are compared with the rows elsewhere. */
async function contentOf(source: DataSource): Promise<Record<string, string[]>> {
  const tables: Record<string, string[]> = {};
  for (const entity of TABLES) {
    const { tableName } = source.getMetadata(entity);
    const rows = await rowsOf(source, `SELECT * FROM ${tableName}`);
    tables[tableName] = rows
      .map((row) => JSON.stringify({ ...row, document: undefined, document_tag: undefined }))
      .sort();
  }
  return tables;
}

const recording = fc
  .record({
    isrc: fc.integer({ min: 1, max: 6 }).map(isrcOf),
    title: fc.constantFrom('First', 'Second Song', '三番目の歌'),
    artists: fc.uniqueArray(
      fc.record({
        id: fc.integer({ min: 0, max: 4 }),
        name: fc.constantFrom('Ada', 'Ada Byron', 'グレース'),
      }),
      {
        minLength: 1,
        maxLength: 4,
        selector: ({ id }) => id,
      },
    ),
    album: fc.record({
      id: fc.integer({ min: 0, max: 3 }),
      title: fc.constantFrom('Debut', 'Debut (Deluxe)'),
    }),
    popularity: fc.constantFrom(null, 0, 57),
    at: fc.integer({ min: 0, max: 1000 }),
    extra: fc.integer({ min: 0, max: 3 }),
  })
  .map(({ artists, album, at, extra, ...rest }): Recording => {
    const made = aRecording(
      {
        ...rest,
        artists: artists.map(({ id, name }) => anArtist(name, `artist-${id}`)),
        album: anAlbum({ id: `album-${album.id}`, title: album.title }),
      },
      new Date(1_700_000_000_000 + at),
    );
    const others = Array.from({ length: extra }, (_, n) => ({ ...made.chosen, id: `other-${n}` }));
    return { ...made, candidates: [made.chosen, ...others] };
  });

it('leaves what saving one by one leaves, whatever is shared, renamed, replaced or repeated', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ batch: fc.array(recording, { maxLength: 12 }), onlyIfStored: fc.boolean() }), {
        minLength: 1,
        maxLength: 3,
      }),
      async (batches) => {
        for (const { batch, onlyIfStored } of batches) {
          const together = await tracks.saveRecordings(batch, { onlyIfStored });
          const oneByOne = new Map<string, string>();
          for (const each of batch) {
            const outcome = await other.saveRecording(each, { onlyIfStored });
            if (!oneByOne.has(each.isrc)) oneByOne.set(each.isrc, outcome);
          }
          expect(new Map(together)).toEqual(oneByOne);
        }
        const [left, right] = await Promise.all(dataSources.map(contentOf));
        expect(left).toEqual(right);
        await assertConsistent(dataSource);
      },
    ),
    { numRuns: 8, seed: 5 },
  );
});

it('saves a thousand tracks at once, and all of them again', async () => {
  const recordings = Array.from({ length: 1000 }, (_, n) =>
    aRecording({
      isrc: isrcOf(n),
      title: `Song ${n}`,
      artists: [anArtist(`Band ${n % 90}`), anArtist(`Guest ${n % 7}`)],
      album: anAlbum({ id: `album-${n % 100}` }),
    }),
  );
  expect(countOf(await tracks.saveRecordings(recordings, ALWAYS))).toEqual({ created: 1000 });
  expect(countOf(await tracks.saveRecordings(recordings, ALWAYS))).toEqual({ replaced: 1000 });
  expect(await dataSource.manager.count(Artist)).toBe(97);
  expect(await dataSource.manager.count(Album)).toBe(100);
});

it('keeps text as it is, whatever a statement takes its characters for', async () => {
  const character = fc.constantFrom(
    ...Array.from(`ab'"\\?%_:;$1\n\r\t\b\u001a\u0001()/*-#{}é宇🎵`),
    '??',
    "''",
    ':a',
    "\\'",
  );
  const texts = fc.sample(fc.array(character, { minLength: 1, maxLength: 20 }).map((parts) => `x${parts.join('')}`), { numRuns: 200, seed: 7 }); // prettier-ignore
  const recordings = texts.map((text, n) =>
    aRecording({ isrc: isrcOf(n), title: text, artists: [anArtist(text, `artist-${n}`)], album: anAlbum({ id: `album-${n}`, title: text }) }),
  ); // prettier-ignore
  await tracks.saveRecordings(recordings, ALWAYS);
  const titles = await dataSource.manager.find(Track, { order: { isrc: 'ASC' } });
  expect(titles.map(({ title }) => title)).toEqual(texts);
  for (const entity of [Artist, Album]) {
    const rows: (Artist | Album)[] = await dataSource.manager.find<Artist | Album>(entity);
    const textOf = new Map(rows.map((row) => [row.id.split('-')[1], 'name' in row ? row.name : row.title]));
    expect(texts.map((_, n) => textOf.get(String(n)))).toEqual(texts);
  }
});

describe('within', () => {
  it('runs once in each transaction, with what became of its recordings', async () => {
    const recordings = Array.from({ length: 300 }, (_, n) => aRecording({ isrc: isrcOf(n) }));
    const parts: number[] = [];
    await tracks.saveRecordings(recordings, {
      onlyIfStored: false,
      within: async (manager, outcomes) => {
        parts.push(outcomes.size);
        // What is saved can be seen here, and by nobody else.
        expect(await manager.countBy(Track, { isrc: [...outcomes.keys()][0] ?? '' })).toBe(1);
      },
    });
    expect(parts.length).toBeGreaterThan(1);
    expect(parts.reduce((sum, part) => sum + part, 0)).toBe(300);
    expect(Math.max(...parts)).toBeLessThanOrEqual(1000 / 5);
  });

  it('takes back what it throws at, misses included, and keeps the transactions before', async () => {
    await tracks.rememberMisses([isrcOf(299)], new Date(0), new Date(1000));
    const recordings = Array.from({ length: 300 }, (_, n) => aRecording({ isrc: isrcOf(n) }));
    let calls = 0;
    let kept = 0;
    const saving = tracks.saveRecordings(recordings, {
      onlyIfStored: false,
      within: (_, outcomes) => {
        calls += 1;
        if (calls > 1) return Promise.reject(new Error('fenced off'));
        kept = outcomes.size;
        return Promise.resolve();
      },
    });
    await expect(saving).rejects.toThrow('fenced off');
    expect(await dataSource.manager.count(Track)).toBe(kept);
    expect(await dataSource.manager.count(RecordingMiss)).toBe(1);
  });
});

it('tells one of several that it created a track, whichever batches meet', async () => {
  const batch = (from: number) =>
    Array.from({ length: 40 }, (_, n) =>
      aRecording({
        isrc: isrcOf((from + n * 7) % 60),
        artists: [anArtist(`Band ${n % 9}`), anArtist(`Guest ${from % 5}`)],
        album: anAlbum({ id: `album-${(from + n) % 8}` }),
      }),
    );
  const results = await Promise.all(
    Array.from({ length: 12 }, (_, n) => tracks.saveRecordings(batch(n * 5), ALWAYS)),
  );
  const created = results.flatMap((outcomes) =>
    [...outcomes].filter(([, outcome]) => outcome === 'created').map(([isrc]) => isrc),
  );
  expect(new Set(created).size).toBe(created.length);
  expect(await dataSource.manager.count(Track)).toBe(created.length);
});

function countOf(outcomes: ReadonlyMap<string, string>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const outcome of outcomes.values()) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}
