import { createHash } from 'node:crypto';
import { fakeTrack, type FakeTrackInput } from '../fakes/spotify/fake-track';
import { type SpotifyFake, startSpotifyFake } from '../fakes/spotify/spotify-fake';
import { type Answer, spotifyEnvironment, startApp, type TestApp } from '../support/app';

/* Lists: order, pages, cursors, filters. Not real: Spotify. */

let spotify: SpotifyFake;
let service: TestApp;

beforeAll(async () => {
  spotify = await startSpotifyFake({ mode: 'extended' });
  service = await startApp(spotifyEnvironment(spotify));
});
afterAll(async () => {
  await service.stop();
  await spotify.stop();
});

async function store(input: FakeTrackInput & { isrc: string }): Promise<void> {
  spotify.addTracks(fakeTrack(input));
  const { status } = await service.call('POST', '/v1/tracks', { json: { isrc: input.isrc } });
  expect(status).toBe(201);
}
const remove = (isrc: string): Promise<Answer> => service.call('DELETE', `/v1/tracks/${isrc}`);
const get = (path: string): Promise<Answer> => service.call('GET', path);
const query = (parameters: Record<string, string>): string => new URLSearchParams(parameters).toString();

/** Every page of a list, by the cursor or by the Link header, with something done between pages. */
async function pages(
  path: string,
  by: 'cursor' | 'link',
  between: (page: number) => Promise<unknown> = () => Promise.resolve(),
): Promise<Answer[]> {
  const found: Answer[] = [];
  for (let next: string | null = path; next !== null;) {
    const answer: Answer = await get(next);
    expect(answer.status).toBe(200);
    found.push(answer);
    const { nextCursor } = answer.body as { nextCursor: string | null };
    const link = answer.headers.get('link');
    expect(link === null).toBe(nextCursor === null);
    const [, target = null] = /^<([^>]+)>; rel="next"$/.exec(link ?? '') ?? [];
    if (link !== null) expect(target).toMatch(/^\/v1\//);
    const [base = '', rest = ''] = path.split('?');
    const byCursor =
      nextCursor === null ? null : `${base}?${rest}${rest && '&'}${query({ cursor: nextCursor })}`;
    next = by === 'link' ? target : byCursor;
    await between(found.length);
  }
  return found;
}
const isrcsOf = (answers: Answer[]): string[] =>
  answers.flatMap(({ body }) => body.items.map(({ isrc }: { isrc: string }) => isrc));

describe('tracks', () => {
  // Popularity, then what it is called for the order expected: by popularity, null last, then ISRC.
  const rows: [string, number | null][] = [
    ['SEAAA2400003', 90],
    ['NOAAA2400001', 90],
    ['SEAAA2400001', 55],
    ['SEAAA2400002', 100],
    ['SEBBB2400001', 0],
    ['DKAAA2400001', 1],
    ['SEAAA2400009', null],
    ['DKAAA2400009', null],
  ];
  const ordered = [
    'SEAAA2400002',
    'NOAAA2400001',
    'SEAAA2400003',
    'SEAAA2400001',
    'DKAAA2400001',
    'SEBBB2400001',
    'DKAAA2400009',
    'SEAAA2400009',
  ];

  beforeAll(async () => {
    for (const [isrc, popularity] of rows) {
      spotify.setMode(popularity === null ? 'dev' : 'extended');
      const artists = isrc.startsWith('SE') ? ['Swede', 'Guest'] : ['Other'];
      await store({
        isrc,
        title: `Song ${isrc.slice(0, 5)}`,
        artists,
        ...(popularity === null ? {} : { popularity }),
      });
    }
    spotify.setMode('extended');
  });

  it('come by popularity, not told last, then by ISRC', async () => {
    expect(isrcsOf([await get('/v1/tracks')])).toEqual(ordered);
    expect((await get('/v1/tracks')).body.nextCursor).toBeNull();
  });

  it.each(['cursor', 'link'] as const)('in pages of each size, by %s', async (by) => {
    for (const limit of [1, 2, 3, 7, 8, 200]) {
      const answers = await pages(`/v1/tracks?limit=${limit}`, by);
      expect(isrcsOf(answers)).toEqual(ordered);
      expect(answers).toHaveLength(Math.ceil(ordered.length / limit));
    }
  });

  it('are neither doubled nor lost while others write', async () => {
    const passing = ['SEAAA2400050', 'SEAAA2400051', 'SEAAA2400052', 'SEAAA2400053'];
    const answers = await pages('/v1/tracks?limit=2', 'cursor', async (page) => {
      const [before = '', last = ''] = [passing[page - 2], passing[page - 1]];
      if (last) await store({ isrc: last, popularity: page % 2 ? 100 : 55 });
      if (before) await remove(before);
    });
    for (const isrc of passing) await remove(isrc);
    const seen = isrcsOf(answers);
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.filter((isrc) => !passing.includes(isrc))).toEqual(ordered);
  });

  it('go on where a page ended even if its last row is gone', async () => {
    const first = await get('/v1/tracks?limit=3');
    await remove('SEAAA2400003');
    const rest = await get(`/v1/tracks?${query({ cursor: first.body.nextCursor })}`);
    expect(isrcsOf([rest])).toEqual(ordered.slice(3));
    await store({ isrc: 'SEAAA2400003', popularity: 90, title: 'Song SEAAA', artists: ['Swede', 'Guest'] });
  });

  it.each([
    ['artist=swede', ordered.filter((isrc) => isrc.startsWith('SE'))],
    ['artist=swede&title=aaa', ordered.filter((isrc) => isrc.startsWith('SEAAA'))],
    ['artist=guest&title=song&isrcPrefix=SEB', ['SEBBB2400001']],
    ['artist=other&isrcPrefix=SE', []],
    ['isrcPrefix=s', ordered.filter((isrc) => isrc.startsWith('SE'))],
    ['isrcPrefix=se-aaa-24', ordered.filter((isrc) => isrc.startsWith('SEAAA'))],
    ['isrcPrefix=SEAAA2400001', ['SEAAA2400001']],
    ['isrcPrefix=ZZ', []],
    // Words of two artists of one track are not one name.
    ['artist=swede+guest', []],
    ['title=song+song', ordered],
  ])('that all filters hold for: %s', async (filters, expected) => {
    expect(isrcsOf(await pages(`/v1/tracks?${filters}&limit=2`, 'link'))).toEqual(expected);
  });

  it.each(['isrcPrefix=', 'isrcPrefix=1', 'isrcPrefix=SE%25', 'isrcPrefix=SEAAA24000011', 'isrcPrefix=S_'])(
    'refuse %s',
    async (filter) => {
      const { status, body } = await get(`/v1/tracks?${filter}`);
      expect([status, body.errors[0].field]).toEqual([400, 'isrcPrefix']);
    },
  );

  it.each(['0', '-1', '201', '1000000000', '1.5', '1e2', 'abc', '', '+5', '05', '0x10', '５'])(
    'A14 refuse limit=%s',
    async (limit) => {
      for (const path of ['/v1/tracks', '/v1/artists']) {
        const { status, body } = await get(`${path}?${query({ limit })}`);
        expect([status, body.errors[0].field]).toEqual([400, 'limit']);
      }
    },
  );

  it('A14 refuse two limits, two cursors and two filters', async () => {
    for (const name of ['limit', 'cursor', 'artist', 'title', 'isrcPrefix']) {
      const { status, body } = await get(`/v1/tracks?${name}=12&${name}=12`);
      expect([status, body.errors[0].field]).toEqual([400, name]);
    }
  });

  it('take limits from 1 to 200, and 50 unless told', async () => {
    for (const limit of ['1', '200']) expect((await get(`/v1/tracks?limit=${limit}`)).status).toBe(200);
  });

  it('A15 refuse a cursor that somebody signed over what no row can hold', async () => {
    const sign = (list: string, key: unknown): string => {
      const text = JSON.stringify(key);
      const check = createHash('sha256').update(`${list}\n${text}`).digest('base64url').slice(0, 16);
      return Buffer.from(check + text).toString('base64url');
    };
    const nothing = '[null,null,null]';
    expect((await get(`/v1/tracks?${query({ cursor: sign(`tracks ${nothing}`, [43, 'A']) })}`)).status).toBe(
      200,
    );
    for (const key of [
      [43, '\0'],
      [1e15, 'A'],
      [-1, 'A'],
      [0.5, 'A'],
    ]) {
      expect((await get(`/v1/tracks?${query({ cursor: sign(`tracks ${nothing}`, key) })}`)).status).toBe(400);
    }
    const artists = sign('artists [null]', [0, 'a\0', 'b']);
    expect((await get(`/v1/artists?${query({ cursor: artists })}`)).status).toBe(400);
  });

  it('A15 refuse a cursor that was edited, cut, added to, made up, or is of another list', async () => {
    const cursorOf = async (path: string): Promise<string> => (await get(path)).body.nextCursor;
    const cursor = await cursorOf('/v1/tracks?limit=2');
    expect((await get(`/v1/tracks?${query({ cursor })}`)).status).toBe(200);
    const artist = (await get('/v1/artists?name=swede')).body.items[0].id as string;
    const flip = (text: string, at: number): string =>
      text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1);
    const refused: [string, string][] = [
      ...Array.from(cursor).map((_, at): [string, string] => ['/v1/tracks?', flip(cursor, at)]),
      ['/v1/tracks?', cursor.slice(0, -1)],
      ['/v1/tracks?', cursor.slice(0, 10)],
      ...['A', '=', '==', ' ', '%', '.'].map((end): [string, string] => ['/v1/tracks?', cursor + end]),
      ['/v1/tracks?', ''],
      ['/v1/tracks?', 'x'.repeat(5000)],
      ['/v1/tracks?', Buffer.from('[1,"SEAAA2400001"]').toString('base64url')],
      ['/v1/tracks?artist=swede&', cursor],
      ['/v1/tracks?isrcPrefix=SE&', cursor],
      ['/v1/tracks?', await cursorOf('/v1/tracks?limit=2&artist=swede')],
      ['/v1/tracks?title=swede&', await cursorOf('/v1/tracks?limit=2&artist=swede')],
      ['/v1/tracks?', await cursorOf('/v1/artists?limit=1')],
      ['/v1/artists?', cursor],
      ['/v1/artists?name=e&', await cursorOf('/v1/artists?limit=1')],
      [`/v1/artists/${artist}/tracks?`, cursor],
      ['/v1/tracks?', await cursorOf(`/v1/artists/${artist}/tracks?limit=1`)],
    ];
    for (const [path, text] of refused) {
      const { status, body } = await get(path + query({ cursor: text }));
      expect([path, text, status, body.errors?.[0].field]).toEqual([path, text, 400, 'cursor']);
    }
  });
});

describe('artists', () => {
  const names = [
    'Echo',
    'echo',
    'Écho',
    'Echo & The Bunnymen',
    'Echobelly',
    'Big Echo',
    'The Echoes',
    'Zebra',
  ];

  beforeAll(async () => {
    for (const [at, name] of names.entries()) {
      const isrc = `FREEC24${String(at).padStart(5, '0')}`;
      await store({
        isrc,
        title: `E ${at}`,
        artists: [{ name, id: `artist${9 - at}` }, 'Everywhere'],
        popularity: at,
      });
    }
  });

  it('exact name first, then names that begin so, then the rest; then by name, id', async () => {
    for (const limit of [1, 3, 200]) {
      const answers = await pages(`/v1/artists?name=ECHO&limit=${limit}`, 'link');
      const found = answers.flatMap(({ body }) => body.items.map(({ name }: { name: string }) => name));
      expect(found).toEqual([
        ...['Écho', 'echo', 'Echo'],
        ...['Echo & The Bunnymen', 'Echobelly'],
        ...['Big Echo', 'The Echoes'],
      ]);
    }
  });

  it('without a name: all of them by name, each once', async () => {
    const answers = await pages('/v1/artists?limit=2', 'cursor');
    const found: string[] = answers.flatMap(({ body }) =>
      body.items.map(({ name }: { name: string }) => name),
    );
    expect(found.slice(0, 3)).toEqual(['Big Echo', 'Écho', 'echo']);
    expect([...found].sort()).toEqual([...names, 'Everywhere', 'Guest', 'Other', 'Swede'].sort());
  });

  it('count their tracks, and list them as all tracks are', async () => {
    const [everywhere] = (await get('/v1/artists?name=everywhere')).body.items;
    expect(everywhere).toMatchObject({ name: 'Everywhere', trackCount: names.length });
    expect((await get(`/v1/artists/${everywhere.id}`)).body).toEqual(everywhere);
    const answers = await pages(`/v1/artists/${everywhere.id}/tracks?limit=3`, 'link');
    expect(isrcsOf(answers)).toEqual(names.map((_, at) => `FREEC240000${names.length - 1 - at}`));
    const [echo] = (await get('/v1/artists?name=echobelly')).body.items;
    expect(isrcsOf([await get(`/v1/artists/${echo.id}/tracks`)])).toEqual(['FREEC2400004']);
  });

  it.each(['/v1/artists/unknown', '/v1/artists/unknown/tracks'])('404 at %s', async (path) => {
    const { status, body } = await get(path);
    expect([status, body.type]).toEqual([404, '/problems/not-found']);
  });
});
