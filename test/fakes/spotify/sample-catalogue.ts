import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FakeAlbumInput, FakeTrack, fakeTrack, FakeTrackInput, VARIOUS_ARTISTS } from './fake-track';
import { hashOf } from './fake-random';

/** Where to find each oddity of spotify-api.md 7 in `sampleCatalogue()`. The ISRCs are real, the shapes are arranged. */
export const SAMPLE_ISRCS = {
  none: 'ZZZZZ9900001',
  two: 'GBBKS1500214',
  eleven: 'USUG11904206',
  sixty: 'GBARL1401524',
  compilationFirst: 'USUM71900764',
  duplicateAlbum: 'GBWUL2498591',
  noImages: 'GBAYE6300001',
  yearOnly: 'GBAYE6300002',
  monthOnly: 'GBAYE6300003',
  manyArtists: 'GBAYE6300004',
  nonLatin: 'JPE302200934',
  hyphenated: 'GBSMU2401851',
  lowerCase: 'USHM91210870',
  tombstone: 'GBAYE6300005',
  withdrawn: 'USQ4E1300686',
  smallMarketSet: 'SELEB9702010',
  notIndexed: 'GBAYE6300006',
} as const;

/** About 1,000 tracks: the ISRCs of fixtures/isrcs.csv with one or two releases each, and SAMPLE_ISRCS. */
export function sampleCatalogue(): FakeTrack[] {
  const arranged = new Set<string>(Object.values(SAMPLE_ISRCS));
  const plain = readIsrcs().filter(({ isrc }) => !arranged.has(isrc));
  return [...oddTracks(), ...plain.flatMap(plainTracks)];
}

/** The rows of fixtures/isrcs.csv. */
export function readIsrcs(): { isrc: string; title: string; artists: string[] }[] {
  const text = readFileSync(join(__dirname, 'fixtures', 'isrcs.csv'), 'utf8');
  return text
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => {
      const [isrc = '', title = '', artist = ''] = [...line.matchAll(/("(?:[^"]|"")*"|[^,]*)(?:,|$)/g)].map(
        ([, cell = '']) => (cell.startsWith('"') ? cell.slice(1, -1).replaceAll('""', '"') : cell),
      );
      return { isrc, title, artists: artist.split('; ') };
    });
}

function plainTracks(row: { isrc: string; title: string; artists: string[] }): FakeTrack[] {
  const hash = hashOf(row.isrc);
  const releaseDate = `${1960 + (hash % 60)}-0${1 + (hash % 9)}-1${hash % 10}`;
  const common = { ...row, popularity: hash % 101, durationMs: 120_000 + (hash % 240_000) };
  const album = fakeTrack({ ...common, album: { name: `${row.title} and more`, releaseDate } });
  if (hash % 4 !== 0) return [album];
  return [fakeTrack({ ...common, album: { name: row.title, albumType: 'single', releaseDate } }), album];
}

function oddTracks(): FakeTrack[] {
  const { two, eleven, sixty, compilationFirst, duplicateAlbum } = SAMPLE_ISRCS;
  const hello = { isrc: two, title: 'Hello', artists: ['Adele'], durationMs: 295_502 };
  const badGuy = { isrc: compilationFirst, title: 'bad guy', artists: ['Billie Eilish'] };
  const twice = { isrc: duplicateAlbum, title: 'Twice' };
  const once = { name: 'One Album', releaseDate: '2024-03-01' };
  return [
    fakeTrack({ ...hello, album: { name: 'Hello', albumType: 'single', releaseDate: '2015-10-23' } }),
    fakeTrack({ ...hello, album: { name: '25', releaseDate: '2015-11-20' } }),
    ...manyReleases(eleven, 'Blinding Lights', ['The Weeknd'], 11),
    ...manyReleases(sixty, 'Uptown Funk (feat. Bruno Mars)', ['Mark Ronson', 'Bruno Mars'], 60),
    fakeTrack({ ...badGuy, album: compilation('Summer Hits', '2019-06-01') }),
    fakeTrack({
      ...badGuy,
      album: { name: 'WHEN WE ALL FALL ASLEEP, WHERE DO WE GO?', releaseDate: '2019-03-29' },
    }),
    fakeTrack({ ...badGuy, album: { name: 'bad guy', albumType: 'single', releaseDate: '2019-03-29' } }),
    // The same release under two ids, as market variants are (spotify-api.md 2.2).
    fakeTrack({ ...twice, album: { ...once, id: '0000000000000000000001' } }),
    fakeTrack({ ...twice, album: { ...once, id: '0000000000000000000002' } }),
    ...singleOddities().map(fakeTrack),
  ];
}

function singleOddities(): FakeTrackInput[] {
  const code = SAMPLE_ISRCS;
  return [
    { isrc: code.noImages, album: { name: 'No Cover', images: [] } },
    { isrc: code.yearOnly, album: { name: 'Old', releaseDate: '1978', releaseDatePrecision: 'year' } },
    { isrc: code.monthOnly, album: { name: 'Older', releaseDate: '1978-03', releaseDatePrecision: 'month' } },
    { isrc: code.manyArtists, artists: Array.from({ length: 24 }, (_, index) => `Singer ${index + 1}`) },
    { isrc: code.nonLatin, title: '青春コンプレックス', artists: ['結束バンド'] },
    { isrc: 'GB-SMU-24-01851', title: 'Hyphens' },
    { isrc: 'ushm91210870', title: 'Lower Case' },
    { isrc: code.tombstone, tombstone: true },
    { isrc: code.withdrawn, title: 'Happy', artists: ['Pharrell Williams'], markets: [], popularity: 1 },
    { isrc: code.smallMarketSet, markets: ['NO'] },
    { isrc: code.notIndexed, indexed: false },
  ];
}

function manyReleases(isrc: string, title: string, artists: string[], count: number): FakeTrack[] {
  return Array.from({ length: count }, (_, index) => {
    const day = `20${14 + (index % 10)}-0${1 + (index % 9)}-01`;
    const single: FakeAlbumInput = { name: title, albumType: 'single', releaseDate: '2014-11-10' };
    const studio: FakeAlbumInput = { name: `${title}: the album`, releaseDate: '2015-01-12' };
    // Compilations first and most of all, as recorded for GBARL1401524.
    const album = [studio, single][count - 1 - index] ?? compilation(`Hits ${index + 1}`, day);
    return fakeTrack({ isrc, title, artists, album, popularity: 100 - index });
  });
}

function compilation(name: string, releaseDate: string): FakeAlbumInput {
  return { name, albumType: 'compilation', totalTracks: 40, releaseDate, artists: [VARIOUS_ARTISTS] };
}
