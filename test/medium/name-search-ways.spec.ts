import type { DataSource } from 'typeorm';
import type { Isrc } from '../../src/recording/isrc';
import { Artist } from '../../src/tracks/entities/artist.entity';
import { findArtists } from '../../src/tracks/find-artists.query';
import { DEFAULT_BOUNDS, findPlaces, type SearchBounds } from '../../src/tracks/find-tracks.query';
import { parseNameQuery } from '../../src/tracks/name-search';
import { TracksRepository } from '../../src/tracks/tracks.repository';
import { anAlbum, anArtist, aRecording, isrcOf } from '../builders/recording';
import { assertConsistent } from '../support/consistency';
import { openMigrated } from '../support/data-source';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { fold, inOrderFor, isFoundBy } from '../support/name-model';

jest.setTimeout(60_000);

/* Each way of finding tracks, forced upon few rows by small bounds, against the model. Not real: the source. */

/** The same numbers every time. */
let state = 11;
const random = (below: number) => {
  state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
};
const pick = <T>(items: readonly T[]): T => items[random(items.length)] as T;

const WORDS = [
  'the', 'the', 'the', 'a', 'x', 'love', 'love', 'lover', 'glove', 'ac/dc', "don't", 'beyoncé', '100%', 'ヒカル', '宇多田', '東京', 'of', 'off', 'o',
  'night', 'nights', 'knight', 'live', '(live)', 'alive', 'me', 'men', 'ten', 'tenement', 'zzz', 'кино', 'ёлка', '🎵', 'U2', 'MØ', 'straße', '-', '_',
]; // prettier-ignore
const phrase = () => Array.from({ length: 1 + random(4) }, () => pick(WORDS)).join(' ');

interface Stored {
  isrc: string;
  title: string;
  names: string[];
  popularity: number | null;
}

const ARTISTS = Array.from({ length: 60 }, (_, n) => anArtist(phrase(), `id${String(n).padStart(2, '0')}`));
const TRACKS: Stored[] = [];

let database: TestDatabase;
let dataSource: DataSource;
let tracks: TracksRepository;

beforeAll(async () => {
  database = await createTestDatabase();
  dataSource = await openMigrated(database.url);
  tracks = new TracksRepository(dataSource);
  const recordings = Array.from({ length: 300 }, (_, n) => {
    const artists = [...new Set(Array.from({ length: 1 + random(3) }, () => pick(ARTISTS)))];
    const popularity = random(5) === 0 ? null : random(4);
    const title = phrase();
    const isrc = isrcOf((n % 3) * 10_000 + n);
    TRACKS.push({ isrc, title, names: artists.map(({ name }) => name), popularity });
    return aRecording({ isrc, title, artists, popularity, album: anAlbum({ id: `album ${n % 40}` }) });
  });
  await tracks.saveRecordings(recordings, { onlyIfStored: false });
});

afterAll(async () => {
  await dataSource.destroy();
  await database.drop();
});

const rankOf = ({ popularity }: Stored) => (popularity === null ? 101 : 100 - popularity);

interface Asked {
  title: string | null;
  artist: string | null;
  isrcPrefix: string | null;
}

function expectedFor({ title, artist, isrcPrefix }: Asked): string[] {
  return TRACKS.filter(
    (track) =>
      (title === null || isFoundBy(track.title, title)) &&
      (artist === null || track.names.some((name) => isFoundBy(name, artist))) &&
      track.isrc.startsWith(isrcPrefix ?? ''),
  )
    .sort((a, b) => rankOf(a) - rankOf(b) || (a.isrc < b.isrc ? -1 : 1))
    .map(({ isrc }) => isrc);
}

async function found(asked: Asked, limit: number, bounds: SearchBounds): Promise<string[]> {
  const filter = {
    title: asked.title === null ? null : parseNameQuery(asked.title),
    artist: asked.artist === null ? null : parseNameQuery(asked.artist),
    isrcPrefix: asked.isrcPrefix,
  };
  const all: string[] = [];
  for (let after = ''; ;) {
    const places = await findPlaces(dataSource.manager, filter, after, limit, bounds);
    all.push(...places.map((place) => place.slice(3)));
    const last = places.at(-1);
    if (last === undefined || places.length < limit) return all;
    after = last;
  }
}

function randomPart(): string {
  const characters = Array.from(phrase());
  const at = random(characters.length);
  return characters.slice(at, at + 1 + random(7)).join('');
}

function randomAsked(): Asked {
  const text = () =>
    random(3) === 0 ? phrase() : random(3) === 0 ? `${randomPart()} ${randomPart()}` : randomPart();
  const which = random(5);
  return {
    title: which === 1 || which === 4 ? null : text(),
    artist: which === 0 || which === 4 ? null : text(),
    isrcPrefix: which > 2 || random(6) === 0 ? isrcOf(random(30_000)).slice(0, 2 + random(10)) : null,
  };
}

const isSearchable = ({ title, artist }: Asked) =>
  (title === null || fold(title) !== '') && (artist === null || fold(artist) !== '');

/** Of each way: the statements differ by engine, the rules do not. */
const QUERIES = DATABASE_ENGINE === 'sqlite' ? 120 : 50;
const SPARSE = { firstWalk: 2, longestWalk: 4, nextWalk: 50 };
const WAYS: Record<string, SearchBounds> = {
  'in one go': DEFAULT_BOUNDS,
  'by walking in steps': { ...DEFAULT_BOUNDS, firstWalk: 7, longestWalk: 1_000_000, nextWalk: 11, listedWords: 0, gatheredWords: 0, sortedPlaces: 0 },
  'by short lists, sorted': { ...DEFAULT_BOUNDS, ...SPARSE },
  'by long lists, merged': { ...DEFAULT_BOUNDS, ...SPARSE, sortedPlaces: 1, triedPlaces: 3, gatheredWords: 0 },
  'by long lists, tried': { ...DEFAULT_BOUNDS, ...SPARSE, listedWords: 4, sortedPlaces: 1, triedPlaces: 2, longestLists: 0 },
  'by many lists, gathered': { ...DEFAULT_BOUNDS, ...SPARSE, listedWords: 0, sortedPlaces: 1 },
  'with few of anything': { ...SPARSE, listedWords: 3, gatheredWords: 5, gatheredPlaces: 30, sortedPlaces: 20, triedPlaces: 5, longestLists: 10, batch: 5 },
}; // prettier-ignore

describe.each(Object.entries(WAYS))('%s', (_way, bounds) => {
  it('finds the tracks that the rules say, in order, however the pages are cut', async () => {
    let hits = 0;
    for (let n = 0; n < QUERIES; n++) {
      const asked = randomAsked();
      if (!isSearchable(asked)) continue;
      const expected = expectedFor(asked);
      hits += expected.length;
      expect([asked, await found(asked, pick([1, 3, 10, 201]), bounds)]).toEqual([asked, expected]);
    }
    expect(hits).toBeGreaterThan(QUERIES);
  });
});

it('finds several words in one name of an artist, not here one and there one', async () => {
  const asked = { title: null, artist: 'solo quartet', isrcPrefix: null };
  const artists = [anArtist('Solo Singer', 'solo'), anArtist('Some Quartet', 'quartet')];
  const recording = aRecording({ isrc: isrcOf(40_000), title: 'Apart', artists });
  await tracks.saveRecording(recording, { onlyIfStored: false });
  for (const bounds of Object.values(WAYS)) {
    expect(await found(asked, 10, bounds)).toEqual([]);
    expect(await found({ ...asked, artist: 'quartet some' }, 10, bounds)).toEqual([recording.isrc]);
  }
  await tracks.deleteTrack(recording.isrc);
});

it('finds artists page by page, namesakes included', async () => {
  const stored = new Set((await dataSource.manager.find(Artist)).map(({ id }) => id));
  const rows = ARTISTS.filter(({ id }) => stored.has(id));
  for (let n = 0; n < 150; n++) {
    const text = random(2) === 0 ? randomPart() : phrase();
    const query = parseNameQuery(text);
    if (query === null) continue;
    const expected = inOrderFor(
      text,
      rows.filter(({ name }) => isFoundBy(name, text)),
    );
    const limit = pick([1, 2, 5, 201]);
    const ids: string[] = [];
    for (let after: { fit: number; name: string; id: string } | null = null; ;) {
      const page = await findArtists(dataSource.manager, query, after, limit);
      ids.push(...page.map(({ id }) => id));
      const last = page.at(-1);
      if (last === undefined || page.length < limit) break;
      after = { fit: last.nameNorm.startsWith(query.normalised) ? 1 : 2, name: last.nameNorm, id: last.id };
    }
    expect([text, ids]).toEqual([text, expected]);
  }
});

describe('while others write', () => {
  it('shows what stays once, whatever comes and goes around it', async () => {
    const staying = Array.from({ length: 60 }, (_, n) => isrcOf(50_000 + 2 * n));
    const coming = Array.from({ length: 60 }, (_, n) => isrcOf(50_001 + 2 * n));
    const save = (isrc: Isrc, name: string) =>
      tracks.saveRecording(
        aRecording({
          isrc,
          title: `Walrus ${isrc.slice(-3)}`,
          artists: [anArtist(name, `walrus ${isrc.slice(-1)}`)],
          popularity: Number(isrc.slice(-2)) % 7,
          album: anAlbum({ id: `walrus ${isrc.slice(-1)}` }),
        }),
        { onlyIfStored: false },
      );
    for (const isrc of staying) await save(isrc, 'Walrus Band');
    const state = { isOver: false };
    const others = (async () => {
      for (let n = 0; !state.isOver; n++) {
        const isrc = pick(coming);
        await save(isrc, n % 2 === 0 ? 'Walrus Band' : 'Band of Walruses');
        await tracks.deleteTrack(isrc);
      }
    })();
    try {
      for (const bounds of Object.values(WAYS)) {
        for (const asked of [{ title: 'alru' }, { artist: 'walr' }, { title: 'walrus', artist: 'ban' }]) {
          const all = await found({ title: null, artist: null, isrcPrefix: null, ...asked }, 7, bounds);
          expect(new Set(all).size).toBe(all.length);
          expect(all.filter((isrc) => staying.some((each) => each === isrc)).sort()).toEqual(staying);
        }
      }
    } finally {
      state.isOver = true;
      await others;
    }
    await assertConsistent(dataSource);
  });

  it('leaves an index as if it were built anew, after renames and removals that cross each other', async () => {
    const names = ['Same Name', 'Same Name', 'Other Name', 'Name'];
    const isrcs = Array.from({ length: 12 }, (_, n) => isrcOf(60_000 + n));
    for (let round = 0; round < 3; round++) {
      await Promise.all(
        Array.from({ length: 16 }, async (_, n) => {
          const isrc = pick(isrcs);
          const artists = [random(4), random(4)].map((id) => anArtist(pick(names), `crossing ${id}`));
          const unique = [...new Map(artists.map((artist) => [artist.id, artist])).values()];
          if (n % 4 === 3) await tracks.deleteTrack(isrc);
          else {
            const title = `${pick(['One', 'Two'])} Song`;
            const popularity = random(3);
            const recording = aRecording({ isrc, title, popularity, artists: unique });
            await tracks.saveRecording(recording, { onlyIfStored: false });
          }
        }),
      );
      await assertConsistent(dataSource);
    }
  });
});
