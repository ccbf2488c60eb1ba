import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Test } from '@nestjs/testing';
import { isIsrc, requireIsrc, type Isrc } from '../recording/isrc';
import type { Recording, SourceTrack } from '../recording/recording';
import { SampleSource } from './sample-source';
import { SampleModule } from './sample.module';

const SITE = 'https://sample.deadwax.example/';
const file = JSON.parse(readFileSync(join(__dirname, 'catalogue.json'), 'utf8')) as {
  about: string[];
  artists: Record<string, string>;
  tracks: { isrc: Isrc }[];
};
const codes = [...new Set(file.tracks.map(({ isrc }) => isrc))];

async function find(source: SampleSource, isrc: Isrc): Promise<Recording> {
  const recording = await source.findByIsrc(isrc);
  if (recording === null) throw new Error(`${isrc} is not found`);
  return recording;
}

describe('SampleSource', () => {
  const source = new SampleSource();
  let recordings: Recording[];
  let tracks: SourceTrack[];

  beforeAll(async () => {
    recordings = await Promise.all(codes.map((isrc) => find(source, isrc)));
    tracks = recordings.flatMap(({ candidates }) => candidates);
  });

  it('comes with its module', async () => {
    const app = await Test.createTestingModule({ imports: [SampleModule] }).compile();
    expect(app.get(SampleSource)).toBeInstanceOf(SampleSource);
  });

  it('finds every entry under its own code', () => {
    expect(tracks.length).toBe(file.tracks.length);
    for (const { isrc, source: name, match, candidates, chosen } of recordings) {
      expect(name).toBe('sample');
      expect(match.market).toBeNull();
      expect(candidates[0]).toBe(chosen);
      expect(candidates.every((track) => track.isrc === isrc)).toBe(true);
    }
  });

  it('holds at least 300 codes, all canonical', () => {
    expect(codes.length).toBeGreaterThanOrEqual(300);
    expect(codes.every(isIsrc)).toBe(true);
  });

  it('finds nothing under any other code', async () => {
    expect(await source.findByIsrc(requireIsrc('ZZZZZ9999999'))).toBeNull();
  });

  it('tells when it was asked', async () => {
    const before = Date.now();
    const { fetchedAt } = await find(source, requireIsrc('JPPO02100907'));
    expect(fetchedAt.getTime()).toBeGreaterThanOrEqual(before);
    expect(fetchedAt.getTime()).toBeLessThanOrEqual(Date.now());
  });

  it('says first what it is and where the codes come from', () => {
    expect(Object.keys(file)[0]).toBe('about');
    expect(file.about.join(' ')).toMatch(/ISRC, title and artists .* real.*Everything else is made up/);
  });

  describe('can be told from the real thing', () => {
    it('by ids of 22 characters that begin with `sample`, each used once', () => {
      const ids = [
        ...new Set(tracks.map(({ id }) => id)),
        ...new Set(tracks.map(({ album }) => album.id)),
        ...new Set(tracks.flatMap(({ artists }) => artists.map(({ id }) => id))),
      ];
      expect(new Set(ids).size).toBe(ids.length);
      expect(new Set(tracks.map(({ id }) => id)).size).toBe(tracks.length);
      expect(ids.filter((id) => !/^sample[0-9A-Za-z]{16}$/.test(id))).toEqual([]);
    });

    it('by URLs on a reserved domain only', () => {
      const urls = JSON.stringify(recordings).match(/https?:[^"]*/g) ?? [];
      expect(urls.length).toBeGreaterThan(3 * tracks.length);
      expect(urls.filter((url) => !url.startsWith(SITE))).toEqual([]);
      for (const { id, url, album, artists } of tracks) {
        expect(url).toBe(`${SITE}track/${id}`);
        expect(album.url).toBe(`${SITE}album/${album.id}`);
        expect(artists.map((artist) => artist.url)).toEqual(
          artists.map((artist) => `${SITE}artist/${artist.id}`),
        );
      }
    });
  });

  describe('holds together', () => {
    it('has one id for each artist name', () => {
      const names = Object.values(file.artists);
      expect(new Set(names).size).toBe(names.length);
    });

    it('credits each artist once on a track', () => {
      for (const { artists } of tracks) {
        expect(artists.length).toBeGreaterThan(0);
        expect(new Set(artists.map(({ id }) => id)).size).toBe(artists.length);
      }
    });

    it('gives no place on an album twice, and none beyond its last track', () => {
      const places = tracks.map((track) => `${track.album.id} ${track.discNumber} ${track.trackNumber}`);
      expect(new Set(places).size).toBe(places.length);
      for (const { album, trackNumber } of tracks) expect(trackNumber).toBeLessThanOrEqual(album.totalTracks);
    });

    it('tells dates as precisely as it says, none in the future', () => {
      const lengths = { year: 4, month: 7, day: 10 };
      for (const { album } of tracks) {
        expect(album.releaseDate?.length).toBe(
          album.releaseDatePrecision ? lengths[album.releaseDatePrecision] : undefined,
        );
        if (album.releaseDate === null) continue;
        expect(new Date(album.releaseDate).toISOString()).toMatch(new RegExp(`^${album.releaseDate}`));
        expect(album.releaseDate < '2026').toBe(true);
      }
    });

    it('keeps numbers in their bounds', () => {
      for (const { popularity, durationMs } of tracks) {
        expect(popularity ?? 0).toBeGreaterThanOrEqual(0);
        expect(popularity ?? 0).toBeLessThanOrEqual(100);
        expect(durationMs).toBeGreaterThan(20_000);
        expect(durationMs).toBeLessThan(1_800_000);
      }
    });

    it('lists markets sorted, each once', () => {
      for (const { availableMarkets } of tracks) {
        if (availableMarkets) expect(availableMarkets).toEqual([...new Set(availableMarkets)].sort());
      }
    });

    it('writes bar codes with a right check digit', () => {
      for (const { album } of tracks) {
        if (album.upc === null) continue;
        const sum = Array.from(
          album.upc.padStart(14, '0'),
          (digit, i) => Number(digit) * (i % 2 === 0 ? 3 : 1),
        );
        expect(sum.reduce((a, b) => a + b) % 10).toBe(0);
        expect(album.upc).toMatch(/^(00)?4\d{11}$/); // number system 4: for local use, on no real record
      }
    });
  });

  describe('has something of all that a source can send', () => {
    const counted = (test: (track: SourceTrack) => boolean) => tracks.filter(test).length;
    it.each<[string, number, (track: SourceTrack) => boolean]>([
      ['Japanese titles', 1, ({ title }) => /\p{Script=Han}/u.test(title)],
      ['Japanese artists', 1, ({ artists }) => artists.some(({ name }) => /\p{Script=Han}/u.test(name))],
      ['Cyrillic titles', 2, ({ title }) => /\p{Script=Cyrillic}/u.test(title)],
      ['accents', 20, ({ title }) => title.normalize('NFD') !== title],
      ['several artists', 100, ({ artists }) => artists.length > 1],
      ['eight artists', 1, ({ artists }) => artists.length === 8],
      ['albums', 300, ({ album }) => album.type === 'album'],
      ['singles', 100, ({ album }) => album.type === 'single'],
      ['compilations', 50, ({ album }) => album.type === 'compilation'],
      ['days', 300, ({ album }) => album.releaseDatePrecision === 'day'],
      ['months', 20, ({ album }) => album.releaseDatePrecision === 'month'],
      ['years', 20, ({ album }) => album.releaseDatePrecision === 'year'],
      ['unknown dates', 3, ({ album }) => album.releaseDatePrecision === null],
      ['missing covers', 20, ({ album }) => album.images.length === 0],
      ['covers in three sizes', 500, ({ album }) => album.images.length === 3],
      ['no bar code', 50, ({ album }) => album.upc === null],
      ['bar codes with leading zeros', 20, ({ album }) => album.upc?.startsWith('00') ?? false],
      ['no label', 50, ({ album }) => album.label === null],
      ['popularity not told', 20, ({ popularity }) => popularity === null],
      ['popularity 0', 1, ({ popularity }) => popularity === 0],
      ['popularity of 70 and more', 20, ({ popularity }) => (popularity ?? 0) >= 70],
      ['markets not told', 20, ({ availableMarkets }) => availableMarkets === null],
      ['no market at all', 3, ({ availableMarkets }) => availableMarkets?.length === 0],
      ['one market', 5, ({ availableMarkets }) => availableMarkets?.length === 1],
      ['more than 150 markets', 300, ({ availableMarkets }) => (availableMarkets?.length ?? 0) > 150],
      ['explicit ones', 50, ({ explicit }) => explicit],
      ['a second disc', 10, ({ discNumber }) => discNumber > 1],
    ])('%s (at least %i)', (_, least, test) => {
      expect(counted(test)).toBeGreaterThanOrEqual(least);
    });

    it('albums with several tracks of one artist', () => {
      const onAlbum = new Map<string, number>();
      for (const { album } of tracks) onAlbum.set(album.id, (onAlbum.get(album.id) ?? 0) + 1);
      expect([...onAlbum.values()].filter((count) => count > 3).length).toBeGreaterThan(10);
    });

    it('at least 60 codes with two to five tracks, decided by every rule', () => {
      const several = recordings.filter(({ candidates }) => candidates.length > 1);
      expect(several.length).toBeGreaterThanOrEqual(60);
      expect(new Set(several.map(({ candidates }) => candidates.length))).toEqual(new Set([2, 3, 5]));
      const decidedBy = (rule: string) => recordings.filter(({ match }) => match.rule === rule).length;
      expect(decidedBy('only-match')).toBe(codes.length - several.length);
      expect(decidedBy('most-popular')).toBeGreaterThanOrEqual(20);
      expect(decidedBy('tie-break')).toBeGreaterThanOrEqual(40);
    });

    it('ties that each step of the order breaks', () => {
      const breakers = recordings
        .filter(({ match }) => match.rule === 'tie-break')
        .map(({ candidates: [first, second] }) => {
          if (first?.availableMarkets?.length !== second?.availableMarkets?.length) return 'markets';
          if (first?.album.type !== second?.album.type) return 'type';
          return first?.album.releaseDate === second?.album.releaseDate ? 'id' : 'date';
        });
      expect(new Set(breakers)).toEqual(new Set(['markets', 'type', 'date', 'id']));
    });
  });

  it('cannot be spoilt by a caller', async () => {
    const isrc = requireIsrc('JPPO02100907');
    const first = await find(source, isrc);
    const before = JSON.stringify(first.candidates);
    const writable = first as unknown as {
      chosen: { title: string; album: { title: string }; artists: unknown[] };
    };
    expect(() => (writable.chosen.title = 'spoilt')).toThrow(TypeError);
    expect(() => (writable.chosen.album.title = 'spoilt')).toThrow(TypeError);
    expect(() => writable.chosen.artists.push('spoilt')).toThrow(TypeError);
    (first.candidates as SourceTrack[]).length = 0; // the list is the caller's own
    expect(JSON.stringify((await find(source, isrc)).candidates)).toBe(before);
  });
});
