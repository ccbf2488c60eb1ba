import { fakeTrack } from '../fakes/spotify/fake-track';
import { type SpotifyFake, startSpotifyFake } from '../fakes/spotify/spotify-fake';
import { spotifyEnvironment, startApp, type TestApp } from '../support/app';

/* What a name search finds, the same on every engine. Not real: Spotify. */

const NAMES = [
  'Beyoncé',
  'Sigur Rós',
  'The Beatles',
  'AC/DC',
  'Motörhead',
  '宇多田ヒカル',
  'ＡＢＣ Ｗｉｄｅ',
  '結束バンド',
  '100% Real_Name \\ Back',
  '100 Percent RealXName',
  `O'Brien "Quoted"`,
  'Пикник',
  'Ŧorsten Straße',
  'P!nk',
  'El Niño',
  'X',
  'Emoji 🎸 Band',
  "Robert'); DROP TABLE artist;--",
];

let spotify: SpotifyFake;
let service: TestApp;

beforeAll(async () => {
  spotify = await startSpotifyFake();
  service = await startApp(spotifyEnvironment(spotify));
  for (const [at, name] of NAMES.entries()) {
    const isrc = `GBNAM24${String(at).padStart(5, '0')}`;
    spotify.addTracks(fakeTrack({ isrc, title: `${name} (title)`, artists: [name, 'Common Partner'] }));
    expect((await service.call('POST', '/v1/tracks', { json: { isrc } })).status).toBe(201);
  }
});
afterAll(async () => {
  await service.stop();
  await spotify.stop();
});

const ask = (path: string, parameter: string, text: string) =>
  service.call('GET', `${path}?${new URLSearchParams({ [parameter]: text }).toString()}&limit=200`);

it.each([
  ['beyonce', ['Beyoncé']],
  ['BEYONCÉ', ['Beyoncé']],
  ['Beyonce\u0301', ['Beyoncé']],
  ['ｂｅｙｏｎｃｅ', ['Beyoncé']],
  ['sigur ros', ['Sigur Rós']],
  ['rós sigur', ['Sigur Rós']],
  ['  sigur   \t rós ', ['Sigur Rós']],
  ['eatles', ['The Beatles']],
  ['eat', ['The Beatles']],
  // Two characters: only where a word starts.
  ['be', ['Beyoncé', 'The Beatles']],
  ['ea', []],
  ['th be', ['The Beatles']],
  ['ac', ['AC/DC']],
  ['dc', ['AC/DC']],
  ['ac/dc', ['AC/DC']],
  ['motorhead', ['Motörhead']],
  ['宇多田ヒカル', ['宇多田ヒカル']],
  ['ヒカル', ['宇多田ヒカル']],
  ['多田', ['宇多田ヒカル']],
  ['ﾋｶﾙ', ['宇多田ヒカル']],
  ['結束', ['結束バンド']],
  ['バンド', ['結束バンド']],
  ['abc wide', ['ＡＢＣ Ｗｉｄｅ']],
  ['100%', ['100% Real_Name \\ Back']],
  ['%', ['100% Real_Name \\ Back']],
  ['real_name', ['100% Real_Name \\ Back']],
  ['real_', ['100% Real_Name \\ Back']],
  ['\\', ['100% Real_Name \\ Back']],
  ["o'brien", [`O'Brien "Quoted"`]],
  ['O’Brien', [`O'Brien "Quoted"`]],
  ['"quoted"', [`O'Brien "Quoted"`]],
  ['пикник', ['Пикник']],
  ['ПИК', ['Пикник']],
  ['strasse', ['Ŧorsten Straße']],
  ['STRAẞE', ['Ŧorsten Straße']],
  ['p!nk', ['P!nk']],
  ['el nino', ['El Niño']],
  ['x', ['X']],
  ['🎸', ['Emoji 🎸 Band']],
  ["Robert'); DROP TABLE artist;--", ["Robert'); DROP TABLE artist;--"]],
  ["' OR 1=1 --", []],
  ['beyonce OR beatles', []],
  // Each word in one name: not one here and one there.
  ['beyonce partner', []],
  ['no such name', []],
  ['zzz', []],
])('%j finds %j', async (text, expected) => {
  const artists = await ask('/v1/artists', 'name', text);
  expect(artists.body.items.map(({ name }: { name: string }) => name).sort()).toEqual([...expected].sort());
  const tracks = await ask('/v1/tracks', 'artist', text);
  expect(
    tracks.body.items.map(({ artists: [first] }: { artists: { name: string }[] }) => first?.name).sort(),
  ).toEqual([...expected].sort());
  const titles = await ask('/v1/tracks', 'title', `${text} (title)`);
  expect(titles.body.items.map(({ title }: { title: string }) => title).sort()).toEqual(
    expected.map((name) => `${name} (title)`).sort(),
  );
});

describe('bounds', () => {
  const everywhere: [string, string][] = [
    ['/v1/artists', 'name'],
    ['/v1/tracks', 'artist'],
    ['/v1/tracks', 'title'],
  ];

  it.each([
    ['200 characters', 'x'.repeat(200), 200],
    ['200 characters outside the BMP', '🎸'.repeat(200), 200],
    ['100 words', Array.from({ length: 100 }, (_, at) => String.fromCodePoint(0x4e00 + at)).join(' '), 200],
    ['all of one kind', '%'.repeat(200), 200],
    ['201 characters', 'x'.repeat(201), 400],
    ['201 characters outside the BMP', '🎸'.repeat(201), 400],
    ['I06 1 KB of %', '%'.repeat(1024), 400],
    ['nothing', '', 400],
    ['blanks', ' \t\u00a0\u200b', 400],
    ['NUL', '\u0000', 400],
  ])('%s', async (_what, text, expected) => {
    for (const [path, parameter] of everywhere) {
      const { status, body } = await ask(path, parameter, text);
      expect(status).toBe(expected);
      if (expected === 400) expect(body.errors[0].field).toBe(parameter);
      else expect(body.items).toEqual([]);
    }
  });

  it.each(['beyonce\u0000', '\ud800', 'a\u0000b', '\uffff', '\u202e'])('%j is no failure', async (text) => {
    for (const [path, parameter] of everywhere) {
      expect([200, 400]).toContain((await ask(path, parameter, text)).status);
    }
  });
});
