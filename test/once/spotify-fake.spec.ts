import { responseValidator } from '../fakes/spotify/api-description';
import { basic, call, askToken, signedIn, Answer } from '../fakes/spotify/fake-caller';
import { fakeId, fakeTrack } from '../fakes/spotify/fake-track';
import { fixtureNames, recordedBody, RecordedError, recordedErrors } from '../fakes/spotify/recorded';
import { sampleCatalogue, SAMPLE_ISRCS } from '../fakes/spotify/sample-catalogue';
import { SpotifyFake, startSpotifyFake } from '../fakes/spotify/spotify-fake';

const ISRC = 'GBBKS1500214';
const TRACK = fakeTrack({ isrc: ISRC, title: 'Hello', artists: ['Adele'], album: '25' });
const ONLY_NORWAY = fakeTrack({
  isrc: 'SELEB9702010',
  album: 'North',
  markets: ['NO'],
  relinkGroup: 'north',
});
const ONLY_SPAIN = fakeTrack({ isrc: 'SELEB9702011', album: 'South', markets: ['ES'], relinkGroup: 'north' });
const UNKNOWN_ID = fakeId('nobody');

let fake: SpotifyFake;
let ask: Awaited<ReturnType<typeof signedIn>>;

beforeAll(async () => {
  fake = await startSpotifyFake({ catalogue: [TRACK, ONLY_NORWAY, ONLY_SPAIN, ...sampleCatalogue()] });
  ask = await signedIn(fake);
});
afterAll(() => fake.stop());
afterEach(() => {
  fake.clearFaults();
  fake.setMode('dev');
  fake.setPremium(true);
  fake.liftBans();
});

describe('the answers against Spotify’s description', () => {
  const single: [string, string][] = [
    ['SearchItems', `/search?q=isrc:${ISRC}&type=track&limit=10`],
    ['SearchItems', `/search?q=isrc:${SAMPLE_ISRCS.sixty}&type=track&limit=10&offset=50`],
    ['SearchItems', `/search?q=adele&type=track,album,artist,playlist`],
    ['SearchItems', '/search?q=isrc:ZZZZZ9900001&type=track'],
    ['SearchItems', `/search?q=isrc:${SAMPLE_ISRCS.tombstone}&type=track`],
    ['OneTrack', `/tracks/${TRACK.id}`],
    ['OneTrack', `/tracks/${ONLY_SPAIN.id}`],
    ['OneAlbum', `/albums/${TRACK.album.id}`],
    ['PagingSimplifiedTrackObject', `/albums/${TRACK.album.id}/tracks`],
    ['OneArtist', `/artists/${TRACK.artists[0]?.id ?? ''}`],
    ['PagingArtistDiscographyAlbumObject', `/artists/${TRACK.artists[0]?.id ?? ''}/albums`],
  ];
  const batches: [string, string][] = [
    ['ManyTracks', `/tracks?ids=${TRACK.id},${ONLY_NORWAY.id}`],
    ['ManyAlbums', `/albums?ids=${TRACK.album.id}`],
    ['ManyArtists', `/artists?ids=${TRACK.artists[0]?.id ?? ''}`],
    ['Markets', '/markets'],
  ];

  it.each([
    ['dev', false, single],
    ['dev', true, single],
    ['extended', false, [...single, ...batches]],
    ['extended', true, [...single, ...batches]],
  ] as const)('%s, market %s', async (mode, hasMarket, calls) => {
    fake.setMode(mode);
    for (const [response, path] of calls) {
      const market = hasMarket ? `${path.includes('?') ? '&' : '?'}market=NO` : '';
      const answer = await ask(path + market);
      const validate = responseValidator(response, { mode, hasMarket });
      validate(answer.json);
      expect({ path, status: answer.status, errors: validate.errors }).toEqual({
        path,
        status: 200,
        errors: null,
      });
    }
  });

  it('holds recorded bodies good', () => {
    const validate = responseValidator('SearchItems', { mode: 'dev', hasMarket: false });
    for (const name of fixtureNames().filter((fixture) => fixture.startsWith('search-isrc-dev'))) {
      validate(recordedBody(name));
      expect({ name, errors: validate.errors }).toEqual({ name, errors: null });
    }
  });

  it('finds a spoiled body', async () => {
    const { text } = await ask(`/search?q=isrc:${ISRC}&type=track`);
    const dev = responseValidator('SearchItems', { mode: 'dev', hasMarket: false });
    expect(dev(JSON.parse(text))).toBe(true);
    // A name left out, on each level.
    for (const field of ['"duration_ms"', '"release_date"', '"uri"', '"total"', '"external_ids"']) {
      expect([field, dev(JSON.parse(text.replace(field, '"spoiled"')))]).toEqual([field, false]);
    }
    // A field that the mode lost, and one of the wrong type.
    expect(dev(JSON.parse(text.replace('"disc_number"', '"popularity":1,"disc_number"')))).toBe(false);
    expect(dev(JSON.parse(text.replace('"explicit":false', '"explicit":"no"')))).toBe(false);
    expect(responseValidator('SearchItems', { mode: 'extended', hasMarket: false })(JSON.parse(text))).toBe(
      false,
    );
  });
});

describe('recorded bodies', () => {
  it.each(fixtureNames().filter((name) => name.startsWith('search-')))(
    'serves %s for an ISRC',
    async (name) => {
      fake.serveRecorded('QZ-FAK-24-00001', name);
      const { json } = await ask('/search?q=isrc:QZFAK2400001&type=track&limit=10');
      expect(json).toEqual(recordedBody(name));
    },
  );

  it.each(fixtureNames().filter((name) => !name.startsWith('search-')))(
    'serves %s at a path',
    async (name) => {
      fake.serveRecorded('/tracks/2plbrEY59IikOBgBGLjaoe', name);
      expect((await ask('/tracks/2plbrEY59IikOBgBGLjaoe?market=NO')).json).toEqual(recordedBody(name));
    },
  );

  it('has an empty second page and refuses wrong calls as ever', async () => {
    fake.serveRecorded('USUG11904206', 'search-isrc-dev-total-11-page1');
    const second = await ask('/search?q=isrc:USUG11904206&type=track&limit=10&offset=10');
    expect(second.json).toMatchObject({ tracks: { items: [], total: 11, offset: 10, next: null } });
    expect((await ask('/search?q=isrc:USUG11904206&type=track&limit=50')).status).toBe(400);
    expect(() => {
      fake.serveRecorded(ISRC, 'no-such-file');
    }).toThrow('no-such-file');
  });
});

describe('the errors that were seen in the field', () => {
  const token = (headers?: Record<string, string>, body?: string) => () => askToken(fake, headers, body);
  const bearer = (value: string) => () =>
    call(`${fake.apiUrl}/tracks/${TRACK.id}`, { headers: { authorization: value } });
  const grant = 'grant_type=client_credentials';
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const causes: Record<string, () => Promise<Answer>> = {
    'token-invalid-client-id': token({ ...form, authorization: basic('nobody', 'x') }, grant),
    'token-invalid-client-secret': token({ ...form, authorization: basic('fake-client-id', 'x') }, grant),
    'token-malformed-basic-header': token({ ...form, authorization: 'Basic nothing' }, grant),
    'token-grant-type-missing': token(
      { 'content-type': 'application/json' },
      '{"grant_type":"client_credentials"}',
    ),
    'token-grant-type-unknown': token(form, 'grant_type=password'),
    'no-token': () => call(`${fake.apiUrl}/tracks/${TRACK.id}`),
    'bad-scheme': bearer(basic('a', 'b')),
    'invalid-token': bearer('Bearer BQnobody'),
    'search-no-q': () => ask('/search?q=&type=track'),
    'search-no-type': () => ask(`/search?q=isrc:${ISRC}`),
    'search-bad-type': () => ask(`/search?q=isrc:${ISRC}&type=test`),
    'search-invalid-limit': () => ask(`/search?q=isrc:${ISRC}&type=track&limit=11`),
    'search-invalid-offset': () => ask(`/search?q=isrc:${ISRC}&type=track&offset=-1`),
    'search-offset-window': () => ask(`/search?q=isrc:${ISRC}&type=track&limit=10&offset=991`),
    'search-query-too-long': () => ask(`/search?q=${'a'.repeat(251)}&type=track`),
    'invalid-market': () => ask(`/tracks/${TRACK.id}?market=XX`),
    'invalid-id': () => ask('/tracks/short'),
    'not-found': () => ask(`/tracks/${UNKNOWN_ID}`),
    'unknown-route': () => ask('/nonsense'),
    'dev-mode-removed-endpoint': () => ask(`/tracks?ids=${TRACK.id}`),
    'dev-mode-owner-not-premium-json': () => {
      fake.setPremium(false);
      return ask(`/tracks/${TRACK.id}`);
    },
    'dev-mode-owner-not-premium-text': () => {
      fake.setPremium(false, 'text');
      return ask(`/tracks/${TRACK.id}`);
    },
    'quota-exceeded': () => {
      fake.ban(48_925 / 1.1, 'track');
      return ask(`/tracks/${TRACK.id}`);
    },
    'rate-limited-json': () => failing({ kind: 'rate-limit' }),
    'rate-limited-text': () => failing({ kind: 'rate-limit', body: 'text', retryAfter: 19_056 }),
    'rate-limited-empty-no-retry-after': () =>
      failing({ kind: 'rate-limit', body: 'empty', retryAfter: 'missing' }),
    'rate-limited-retry-after-zero': () => failing({ kind: 'rate-limit', retryAfter: 0 }),
    'server-error': () => failing({ kind: 'status', status: 500 }),
    'bad-gateway': () => failing({ kind: 'status', status: 502 }),
    'service-unavailable': () => failing({ kind: 'status', status: 503 }),
    'gateway-timeout-text': () => failing({ kind: 'status', status: 504, body: 'text' }),
    'token-server-error': () => {
      fake.failNext({ kind: 'status', status: 503, body: 'text' }, 1, 'token');
      return askToken(fake);
    },
    'expired-token': () => failing({ kind: 'invalid-token', cause: 'expired' }),
  };

  function failing(fault: Parameters<SpotifyFake['failNext']>[0]): Promise<Answer> {
    fake.failNext(fault);
    return ask(`/tracks/${TRACK.id}`);
  }

  it.each(recordedErrors().map((error) => [error.name, error] as const))('%s', async (name, error) => {
    const answer = await causes[name]?.();
    expect(answer).toBeDefined();
    expectSame(answer, error);
  });

  it.each(recordedErrors().map((error) => [error.name, error] as const))(
    '%s as a fault',
    async (name, error) => {
      fake.failNext({ kind: 'recorded', name });
      expectSame(await ask(`/tracks/${TRACK.id}`), error);
    },
  );

  function expectSame(answer: Answer | undefined, error: RecordedError): void {
    expect(answer?.status).toBe(error.status);
    expect(typeof error.body === 'string' ? answer?.text : answer?.json).toEqual(error.body);
    for (const [header, value] of Object.entries(error.headers)) {
      // The charset comes and goes in the reports.
      const given = answer?.headers.get(header)?.replace('; charset=utf-8', '');
      expect([header, given]).toEqual([header, value.replace('; charset=utf-8', '')]);
    }
  }
});
