import type { DataSource } from 'typeorm';
import { Album } from '../../src/tracks/entities/album.entity';
import { Artist } from '../../src/tracks/entities/artist.entity';
import { ArtistNameGram } from '../../src/tracks/entities/name-gram.entity';
import { RecordingMiss } from '../../src/tracks/entities/recording-miss.entity';
import { TrackWord } from '../../src/tracks/entities/track-word.entity';
import { Track } from '../../src/tracks/entities/track.entity';
import { TracksRepository } from '../../src/tracks/tracks.repository';
import { anAlbum, anArtist, aRecording, aSourceTrack, isrcOf } from '../builders/recording';
import { assertConsistent } from '../support/consistency';
import { openMigrated } from '../support/data-source';
import { createTestDatabase, type TestDatabase } from '../support/database';

jest.setTimeout(30_000);

const ISRC = isrcOf(1);
const ALWAYS = { onlyIfStored: false };

let database: TestDatabase;
let dataSource: DataSource;
let tracks: TracksRepository;

beforeAll(async () => {
  database = await createTestDatabase();
  dataSource = await openMigrated(database.url);
  tracks = new TracksRepository(dataSource);
});

afterEach(async () => {
  await assertConsistent(dataSource);
  for (const { isrc } of await dataSource.manager.find(Track)) await tracks.deleteTrack(isrc as typeof ISRC);
  await assertConsistent(dataSource);
  expect(await dataSource.manager.count(Artist)).toBe(0);
  expect(await dataSource.manager.count(Album)).toBe(0);
});

afterAll(async () => {
  await dataSource.destroy();
  await database.drop();
});

describe('saving', () => {
  it('creates, replaces, and leaves alone what was removed', async () => {
    const recording = aRecording();
    expect(await tracks.saveRecording(recording, { onlyIfStored: true })).toBe('gone');
    expect(await tracks.findTrack(ISRC)).toBeNull();
    expect(await tracks.saveRecording(recording, ALWAYS)).toBe('created');
    expect(await tracks.saveRecording(recording, ALWAYS)).toBe('replaced');
    expect(await tracks.saveRecording(recording, { onlyIfStored: true })).toBe('replaced');
    expect(await tracks.deleteTrack(ISRC)).toBe(true);
    expect(await tracks.deleteTrack(ISRC)).toBe(false);
    expect(await tracks.saveRecording(recording, { onlyIfStored: true })).toBe('gone');
  });

  it('gives back all that was stored, as it was', async () => {
    const artists = Array.from({ length: 40 }, (_, n) => anArtist(`Artist ${(n * 7) % 40} 🎸`));
    const chosen = aSourceTrack({
      title: `𝕭eyoncé 👩‍👩‍👧 ${'長い'.repeat(480)} \\ ' " % _ end `,
      artists,
      album: anAlbum({
        id: 'album-🎵',
        title: 'Ænima ',
        images: [],
        upc: null,
        label: '',
        type: 'compilation',
      }),
      durationMs: 2_147_483_647,
      explicit: true,
      previewUrl: `https://p.scdn.co/${'x'.repeat(3000)}`,
      availableMarkets: [],
    });
    const other = aSourceTrack({ id: 'other', popularity: null, availableMarkets: null });
    const fetchedAt = new Date('2026-03-29T01:30:00.007Z'); // inside the lost hour of Europe's change of clocks
    await tracks.saveRecording(
      {
        ...aRecording({}, fetchedAt),
        chosen,
        match: { rule: 'most-popular', market: 'NO' },
        candidates: [chosen, other],
      },
      ALWAYS,
    );
    const stored = await tracks.findTrack(ISRC);
    expect(stored).toMatchObject({
      title: chosen.title,
      durationMs: 2_147_483_647,
      explicit: true,
      popularity: 57,
      previewUrl: chosen.previewUrl,
      availableMarkets: [],
      fetchedAt,
      createdAt: fetchedAt,
      updatedAt: fetchedAt,
      matchRule: 'most-popular',
      matchMarket: 'NO',
      matchCandidates: 2,
    });
    expect(stored?.album).toEqual(chosen.album);
    expect(stored?.credits.map(({ artist: { id, name, url } }) => ({ id, name, url }))).toEqual(artists);
    const candidates = await tracks.listCandidates(ISRC);
    const shown = [chosen, other].map(
      ({ isrc: _isrc, artists: _artists, previewUrl: _url, album, ...rest }) => {
        const { images: _images, ...shownAlbum } = album;
        return { ...rest, album: shownAlbum };
      },
    );
    expect(candidates.map(({ details }) => details)).toEqual(shown);
    expect(candidates.map(({ isChosen }) => isChosen)).toEqual([true, false]);
  });

  it('keeps null as null', async () => {
    const album = anAlbum({
      releaseDate: null,
      releaseDatePrecision: null,
      upc: null,
      label: null,
      images: [],
    });
    await tracks.saveRecording(
      aRecording({ popularity: null, previewUrl: null, availableMarkets: null, album }),
      ALWAYS,
    );
    const stored = await tracks.findTrack(ISRC);
    expect(stored).toMatchObject({
      popularity: null,
      previewUrl: null,
      availableMarkets: null,
      matchMarket: null,
    });
    expect(stored?.album).toEqual(album);
    expect(stored?.explicit).toBe(false);
  });

  it.each([
    ['a date before 1970', '1969-12-31T23:59:59.999Z'],
    ['the hour that comes twice', '2026-11-01T05:30:00.123Z'],
    ['the same hour again', '2026-11-01T04:30:00.123Z'],
    ['a moment after 32 bits of seconds', '2038-01-19T03:14:08.001Z'],
  ])('keeps the millisecond of %s', async (_, text) => {
    await tracks.saveRecording(aRecording({}, new Date(text)), ALWAYS);
    expect((await tracks.findTrack(ISRC))?.fetchedAt.toISOString()).toBe(text);
  });

  it('replaces title, album, artists and rank, and removes what nothing uses any more', async () => {
    const [a, b, c] = [anArtist('Alpha'), anArtist('Beta'), anArtist('Gamma')];
    await tracks.saveRecording(aRecording({ artists: [a, b, c], popularity: 10 }, new Date(1000)), ALWAYS);
    await tracks.saveRecording(aRecording({ isrc: isrcOf(2), artists: [b] }), ALWAYS);
    const renamed = { ...c, name: 'Delta' };
    await tracks.saveRecording(
      aRecording(
        { title: 'Another', artists: [renamed, b], popularity: null, album: anAlbum({ id: 'album-two' }) },
        new Date(2000),
      ),
      { onlyIfStored: true },
    );
    const stored = await tracks.findTrack(ISRC);
    expect(stored).toMatchObject({ title: 'Another', sortRank: 101, albumId: 'album-two' });
    expect([stored?.createdAt, stored?.updatedAt]).toEqual([new Date(1000), new Date(2000)]);
    expect(stored?.credits.map(({ artist }) => artist.name)).toEqual(['Delta', 'Beta']);
    const ids = (await dataSource.manager.find(Artist)).map(({ id }) => id).sort();
    expect(ids).toEqual([b.id, c.id]);
    expect(await dataSource.manager.countBy(ArtistNameGram, { gram: 'gam' })).toBe(0);
    expect(await dataSource.manager.countBy(ArtistNameGram, { gram: 'del' })).toBe(1);
    expect(await dataSource.manager.findBy(TrackWord, { word: 'tanother' })).toMatchObject([
      { place: `101${ISRC}` },
    ]);
    expect(await dataSource.manager.countBy(TrackWord, { word: 'agamma' })).toBe(0);
    expect((await dataSource.manager.find(Album)).map(({ id }) => id).sort()).toEqual([
      'album-one',
      'album-two',
    ]);
  });

  it('tells ids apart that differ in case, accent or a trailing blank alone', async () => {
    const ids = ['id', 'ID', 'íd', 'id ', 'id\t'];
    await tracks.saveRecording(
      aRecording({ artists: ids.map((id) => anArtist(`Name of ${id}`, id)) }),
      ALWAYS,
    );
    expect((await tracks.findTrack(ISRC))?.credits.map(({ artistId }) => artistId)).toEqual(ids);
    expect(await dataSource.manager.count(Artist)).toBe(ids.length);
  });

  it('stores nothing where a part cannot be stored', async () => {
    const recording = aRecording();
    const unfit = { ...recording.chosen, durationMs: 1n as unknown as number }; // no JSON has a word for it
    await expect(tracks.saveRecording({ ...recording, candidates: [unfit] }, ALWAYS)).rejects.toThrow(
      /BigInt/,
    );
    for (const entity of [Track, Album, Artist, ArtistNameGram, TrackWord])
      expect(await dataSource.manager.count(entity)).toBe(0);
  });
});

describe('misses', () => {
  it('are remembered until they expire, are replaced, and are forgotten when the track comes', async () => {
    const hasMiss = async (now: Date) => (await tracks.findRecentMisses([ISRC], now)).has(ISRC);
    const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second));
    expect(await hasMiss(at(0))).toBe(false);
    await tracks.rememberMisses([ISRC], at(0), at(10));
    await tracks.rememberMisses([isrcOf(2)], at(0), at(5));
    expect(await hasMiss(at(9))).toBe(true);
    expect(await hasMiss(at(10))).toBe(false);
    await tracks.rememberMisses([ISRC], at(8), at(18));
    expect(await hasMiss(at(17))).toBe(true);
    expect(await dataSource.manager.count(RecordingMiss)).toBe(1);
    await tracks.saveRecording(aRecording(), ALWAYS);
    expect(await hasMiss(at(9))).toBe(false);
  });

  it('can be remembered by many at once', async () => {
    const now = Date.now();
    await Promise.all(
      Array.from({ length: 40 }, (_, n) =>
        tracks.rememberMisses([isrcOf(n % 4)], new Date(now), new Date(now + (n % 3 === 0 ? -1 : 1000 + n))),
      ),
    );
    await dataSource.manager.clear(RecordingMiss);
  });
});
