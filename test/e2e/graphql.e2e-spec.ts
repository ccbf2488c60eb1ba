import { ApiTokensService } from '../../src/auth/api-tokens.service';
import { TracksService } from '../../src/tracks/tracks.service';
import { aRecording, anAlbum, anArtist, isrcOf } from '../builders/recording';
import { startApp, type TestApp } from '../support/app';
import { ask, codesOf, dataOf, TRACK_FIELDS } from '../support/graphql';
import { statementsOn } from '../support/query-count';

const STORED = 120;
const CATALOGUE = /\b(track|track_artist|artist|album)\b/;

let service: TestApp;
beforeAll(async () => {
  service = await startApp({ CLIENT_REQUESTS_PER_MINUTE: '0' });
  await service.app.get(TracksService).storeRecordings(
    Array.from({ length: STORED }, (_, at) =>
      aRecording({
        isrc: isrcOf(at),
        title: `Söng ${at}`,
        artists: [anArtist(`Ärtist ${at % 7}`, `a${at % 7}`), anArtist(`Guest ${at}`)],
        album: anAlbum({
          id: `album-${at % 9}`,
          type: (['album', 'single', 'compilation'] as const)[at % 3] ?? 'album',
          images: at % 4 === 0 ? [] : anAlbum().images,
          ...(at % 5 === 0 ? { releaseDate: null, releaseDatePrecision: null, upc: null, label: null } : {}),
        }),
        popularity: at % 6 === 0 ? null : at % 50,
        availableMarkets: at % 8 === 0 ? null : ['SE', 'US'],
        explicit: at % 2 === 0,
      }),
    ),
    { onlyIfStored: false },
  );
});
afterAll(() => service.stop());

const rest = async (path: string) => (await service.call('GET', path)).body;

describe('the same data as REST', () => {
  it('every field of a track, in whatever spelling it is asked for, before and after the query is compiled', async () => {
    for (let time = 0; time < 5; time++) {
      for (const isrc of [isrcOf(0), isrcOf(5), isrcOf(8), isrcOf(119)]) {
        const query = `query ($isrc: String!) { track(isrc: $isrc) { ${TRACK_FIELDS} } }`;
        const { track } = await dataOf(service, query, { variables: { isrc: ` ${isrc.toLowerCase()}` } });
        const shown = await rest(`/v1/tracks/${isrc}`);
        expect(track).toEqual(shown);
        // Neither has a field that the other lacks.
        expect(Object.keys(track).sort()).toEqual(Object.keys(shown).sort());
      }
    }
  });

  it('the whole list of tracks, page by page, by cursors that either takes', async () => {
    const query = `query ($after: String, $first: Int) {
      tracks(first: $first, after: $after) {
        edges { cursor node { ${TRACK_FIELDS} } } nodes { isrc }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
      }
    }`;
    let cursor: string | null = null;
    let count = 0;
    do {
      const page = await rest(`/v1/tracks?limit=50${cursor === null ? '' : `&cursor=${cursor}`}`);
      const { tracks } = await dataOf(service, query, { variables: { after: cursor, first: 50 } });
      expect(tracks.edges.map(({ node }: { node: unknown }) => node)).toEqual(page.items);
      expect(tracks.nodes).toEqual(page.items.map(({ isrc }: { isrc: string }) => ({ isrc })));
      const cursors = tracks.edges.map((edge: { cursor: string }) => edge.cursor);
      expect(tracks.pageInfo).toEqual({
        hasNextPage: page.nextCursor !== null,
        hasPreviousPage: false,
        startCursor: cursors[0],
        endCursor: cursors.at(-1),
      });
      if (page.nextCursor !== null) expect(cursors.at(-1)).toBe(page.nextCursor);
      // From the middle of a page on.
      const middle = await dataOf(service, query, { variables: { after: cursors[9], first: 3 } });
      expect(middle.tracks.edges.map(({ node }: { node: unknown }) => node)).toEqual(
        page.items.slice(10, 13),
      );
      cursor = page.nextCursor;
      count += (page.items as unknown[]).length;
    } while (cursor !== null);
    expect(count).toBe(STORED);
  });

  it('filters, look-ups, artists and the caller', async () => {
    const filtered = await dataOf(
      service,
      `{ tracks(filter: { artist: "artist 3", title: "song", isrcPrefix: "qzdwx", }) { nodes { ${TRACK_FIELDS} } } }`,
    );
    const filter = '/v1/tracks?artist=artist%203&title=song&isrcPrefix=qzdwx';
    expect(filtered.tracks.nodes).toEqual((await rest(filter)).items);
    expect(filtered.tracks.nodes.length).toBeGreaterThan(5);

    const isrcs = [isrcOf(7), 'nonsense', isrcOf(9999), isrcOf(7)];
    const lookup = await service.call('POST', '/v1/tracks/lookup', { json: { isrcs } });
    const looked = await dataOf(
      service,
      `query ($isrcs: [String!]!) { tracksByIsrc(isrcs: $isrcs) { input isrc status track { ${TRACK_FIELDS} } } }`,
      { variables: { isrcs } },
    );
    expect(looked.tracksByIsrc).toEqual(lookup.body.results);

    const listed = await dataOf(service, '{ artists(name: "artist") { nodes { id name url trackCount } } }');
    expect(listed.artists.nodes).toEqual((await rest('/v1/artists?name=artist')).items);
    const { id } = listed.artists.nodes[0];
    const { artist } = await dataOf(
      service,
      `query ($id: ID!) { artist(id: $id) { id name url trackCount tracks(first: 5) { nodes { ${TRACK_FIELDS} } } } }`,
      { variables: { id } },
    );
    const { tracks, ...own } = artist;
    expect(own).toEqual(await rest(`/v1/artists/${encodeURIComponent(id)}`));
    expect(tracks.nodes).toEqual((await rest(`/v1/artists/${encodeURIComponent(id)}/tracks?limit=5`)).items);

    const { me } = await dataOf(service, '{ me { subject kind scopes expiresAt } }');
    expect(me).toEqual(await rest('/v1/me'));
  });

  it('imports', async () => {
    const fields = `id status total processed ratePerMinute etaSeconds resumesAt createdBy createdAt startedAt finishedAt
      counts { created existing refreshed duplicate notFound invalid failed pending }`;
    const { startImport } = await dataOf(
      service,
      `mutation ($isrcs: [String!]!) { startImport(isrcs: $isrcs, refresh: false) { ${fields} } }`,
      { variables: { isrcs: [isrcOf(1), isrcOf(2), 'nonsense'] } },
    );
    expect(startImport).toMatchObject({ total: 3, createdBy: (await rest('/v1/me')).subject });
    const deadline = Date.now() + 30_000;
    let shown;
    do shown = await rest(`/v1/imports/${startImport.id}`);
    while (shown.status !== 'completed' && Date.now() < deadline);
    const query = `query ($id: ID!) { import(id: $id) { ${fields} } }`;
    const seen = await dataOf(service, query, { variables: { id: startImport.id } });
    expect({ ...seen.import, ratePerMinute: 0 }).toEqual({ ...shown, ratePerMinute: 0 });
    expect(seen.import.counts).toMatchObject({ existing: 2, invalid: 1 });
    // What has finished cannot be cancelled, here as there.
    const cancelled = await ask(service, `mutation { cancelImport(id: "${startImport.id}") { id } }`);
    expect([cancelled.body.data, codesOf(cancelled)]).toEqual([{ cancelImport: null }, ['conflict']]);
  });
});

describe('mutations', () => {
  // In the sample catalogue.
  const ISRC = 'USWB10102873';

  it('add, refresh and remove a track, one after the other', async () => {
    const { addTrack, refreshTrack } = await dataOf(
      service,
      `mutation ($isrc: String!) { addTrack(isrc: $isrc) { ${TRACK_FIELDS} } refreshTrack(isrc: $isrc) { isrc } }`,
      { variables: { isrc: 'us-wb1-01-02873' } },
    );
    expect(addTrack.isrc).toBe(ISRC);
    expect(refreshTrack).toEqual({ isrc: ISRC });
    expect((await rest(`/v1/tracks/${ISRC}`)).title).toBe(addTrack.title);
    const remove = `mutation { removeTrack(isrc: "${ISRC}") }`;
    expect(await dataOf(service, remove)).toEqual({ removeTrack: ISRC });
    const again = await ask(service, remove);
    expect([again.status, again.body.data, codesOf(again)]).toEqual([
      200,
      { removeTrack: null },
      ['track-not-found'],
    ]);
  });

  it('tell what went wrong by the slugs of REST, and give what went well', async () => {
    const answer = await ask(
      service,
      `mutation {
        absent: addTrack(isrc: "ZZZZZ9999999") { isrc }
        bad: addTrack(isrc: "nonsense") { isrc }
        gone: refreshTrack(isrc: "${isrcOf(99_998)}") { isrc }
        there: addTrack(isrc: "${isrcOf(3)}") { isrc }
      }`,
    );
    expect(answer.status).toBe(200);
    expect(answer.body.data).toEqual({ absent: null, bad: null, gone: null, there: { isrc: isrcOf(3) } });
    expect(codesOf(answer)).toEqual(['recording-not-found', 'invalid-isrc', 'track-not-found']);
    expect(answer.body.errors[0].path).toEqual(['absent']);
  });
});

describe('scopes', () => {
  it('deny field by field: the rest of the answer is there', async () => {
    const answer = await ask(
      service,
      `mutation { addTrack(isrc: "${isrcOf(3)}") { isrc } startImport(isrcs: ["x"]) { id } }`,
      { token: await tokenOf(['tracks:write']) },
    );
    expect(answer.status).toBe(200);
    expect(answer.body.data).toEqual({ addTrack: { isrc: isrcOf(3) }, startImport: null });
    expect(codesOf(answer)).toEqual(['insufficient-scope']);
  });

  it('are asked of fields below too', async () => {
    const answer = await ask(
      service,
      `mutation { addTrack(isrc: "${isrcOf(3)}") { isrc artists { name trackCount tracks { nodes { isrc } } } } }`,
      { token: await tokenOf(['tracks:write']) },
    );
    expect(answer.body.data.addTrack.artists[0]).toEqual({
      name: 'Ärtist 3',
      trackCount: null,
      tracks: null,
    });
    expect(new Set(codesOf(answer))).toEqual(new Set(['insufficient-scope']));
    expect(answer.body.errors).toHaveLength(4);
  });

  it('where nothing may be had, the answer is 403 with the challenge of REST', async () => {
    for (const accept of ['application/json', 'application/graphql-response+json']) {
      const answer = await ask(service, `{ track(isrc: "${isrcOf(3)}") { isrc } }`, {
        token: service.tokens.operator,
        accept,
      });
      expect(answer.status).toBe(403);
      expect(answer.headers.get('www-authenticate')).toBe(
        'Bearer realm="deadwax", error="insufficient_scope", scope="tracks:read"',
      );
      expect(codesOf(answer)).toEqual(['insufficient-scope']);
    }
  });
});

async function tokenOf(scopes: Parameters<ApiTokensService['create']>[1]): Promise<string> {
  return (await service.app.get(ApiTokensService).create(scopes.join(), scopes, null)).text;
}

describe('attack matrix', () => {
  const nested = (levels: number): string =>
    levels === 0
      ? 'name'
      : `${levels % 3 === 0 ? 'tracks(first: 1)' : levels % 3 === 2 ? 'nodes' : 'artists'} { ${nested(levels - 1)} }`;

  it('G01 one level too many is refused before anything is read', async () => {
    const deep = (levels: number) => `{ artist(id: "x") { ${nested(levels)} } }`;
    expect(codesOf(await ask(service, deep(6)))).toEqual(['not-found']);
    const seen = await statementsOn(CATALOGUE, async () => {
      for (const accept of ['application/json', 'application/graphql-response+json', '*/*']) {
        for (const query of [deep(9), `{ artist(id: "x") { ...A } } fragment A on Artist { ${nested(9)} }`]) {
          const answer = await ask(service, query, { accept });
          expect([answer.status, codesOf(answer)]).toEqual([400, ['invalid-request']]);
          expect(answer.body.errors[0].message).toContain('levels');
          expect(answer.body.data).toBeUndefined();
        }
      }
    });
    expect(seen).toEqual([]);
  });

  it('G03 a list of operations is refused', async () => {
    for (const accept of ['application/json', 'application/graphql-response+json']) {
      const answer = await service.call('POST', '/graphql', {
        json: Array.from({ length: 100 }, () => ({ query: '{ me { subject } }' })),
        headers: { accept },
      });
      expect([answer.status, codesOf(answer)]).toEqual([400, ['invalid-request']]);
    }
  });

  it('G04 nobody without ops:read is told the schema, or helped with names', async () => {
    const reader = { token: service.tokens.reader };
    for (const query of ['{ __schema { types { name } } }', '{ __type(name: "Track") { name } }']) {
      const refused = await ask(service, query, reader);
      expect([refused.status, new Set(codesOf(refused))]).toEqual([400, new Set(['invalid-request'])]);
      expect(refused.body.data).toBeUndefined();
      expect(JSON.stringify(await dataOf(service, query))).toContain('Track');
    }
    const misspelt = [
      '{ trak(isrc: "x") { isrc } }',
      '{ track(isr: "x") { isrc } }',
      '{ track(isrc: "x") { isrcs } }',
      '{ tracks(filter: { artists: "x" }) { nodes { isrc } } }',
      'fragment F on Trac { isrc } { track(isrc: "x") { ...F } }',
    ];
    for (const query of misspelt) {
      expect((await ask(service, query, reader)).text).not.toMatch(/did you mean/i);
      expect((await ask(service, query)).text).toMatch(/did you mean/i);
    }
    const variables = { filter: { artis: 'x' } };
    const query = 'query ($filter: TrackFilterInput) { tracks(filter: $filter) { nodes { isrc } } }';
    const answer = await ask(service, query, { ...reader, variables });
    expect([answer.status, answer.text]).toEqual([400, expect.not.stringMatching(/did you mean/i)]);
    expect((await ask(service, '{ __typename me { __typename } }', reader)).status).toBe(200);
  });

  it('G05 a circle of fields that costs too much is refused, and told what it costs', async () => {
    const circle = `query ($first: Int) { artists(first: $first) { nodes { tracks(first: $first) { nodes { artists { tracks(first: $first) { nodes { isrc } } } } } } } }`;
    for (const accept of ['application/json', 'application/graphql-response+json']) {
      const answer = await ask(service, circle, { accept, variables: { first: 50 } });
      expect([answer.status, codesOf(answer)]).toEqual([400, ['invalid-request']]);
      expect(answer.body.errors[0].extensions).toMatchObject({ cost: 1 + 50 * (1 + 50 * 3), limit: 500 });
    }
    const small = await ask(service, circle, { variables: { first: 3 } });
    expect([small.status, small.body.extensions.cost]).toEqual([200, 1 + 3 * (1 + 3 * 3)]);
    const cyclic =
      'fragment A on Artist { tracks { nodes { artists { ...A } } } } { artists { nodes { ...A } } }';
    expect(codesOf(await ask(service, cyclic))).toContain('invalid-request');
  });

  it('G06 without a token: 401 in the form that was asked for', async () => {
    for (const accept of ['application/graphql-response+json', 'application/json']) {
      const none = await ask(service, '{ __typename }', { accept, token: null });
      expect([none.status, none.headers.get('content-type')]).toEqual([401, `${accept}; charset=utf-8`]);
      expect(none.headers.get('www-authenticate')).toBe('Bearer realm="deadwax"');
      expect(codesOf(none)).toEqual(['unauthenticated']);
      expect((await ask(service, '{ __schema { description } }', { accept, token: 'dwx_nope' })).status).toBe(
        401,
      );
    }
  });

  it('G07 100 tracks with artists and album: three statements at most, and one for a look-up', async () => {
    for (let time = 0; time < 4; time++) {
      const list = await statementsOn(CATALOGUE, () =>
        dataOf(service, `{ tracks(first: 100) { nodes { isrc artists { name } album { title } } } }`),
      );
      expect(list.length).toBeGreaterThan(0);
      expect(list.length).toBeLessThanOrEqual(3);
      const isrcs = Array.from({ length: 100 }, (_, at) => isrcOf(at));
      const query = `query ($isrcs: [String!]!) { tracksByIsrc(isrcs: $isrcs) { track { isrc artists { name } album { title } } } }`;
      const lookup = await statementsOn(CATALOGUE, () => dataOf(service, query, { variables: { isrcs } }));
      expect(lookup).toHaveLength(1);
    }
    // Counts of all the artists of a page by one more.
    const counted = await statementsOn(CATALOGUE, () =>
      dataOf(service, `{ tracks(first: 100) { nodes { artists { trackCount } } } }`),
    );
    expect(counted.length).toBeLessThanOrEqual(4);
  });

  it('G08 what nobody foresaw is masked, with a stable code and the id of the request', async () => {
    const fault = new Error('SELECT secret FROM vault');
    const tracks = service.app.get(TracksService);
    const spies = [
      jest.spyOn(tracks, 'getTrack').mockRejectedValue(fault),
      jest.spyOn(tracks, 'countTracks').mockRejectedValue(fault),
    ];
    try {
      const query = `{ track(isrc: "${isrcOf(1)}") { isrc } tracks(first: 1) { nodes { isrc artists { trackCount } } } }`;
      for (let time = 0; time < 4; time++) {
        const answer = await ask(service, query, { headers: { 'x-request-id': 'the-id' } });
        expect(answer.status).toBe(200);
        expect(answer.body.errors).toHaveLength(3);
        for (const error of answer.body.errors) {
          expect(error.message).toBe('The service failed unexpectedly. Report the requestId.');
          expect(error.extensions).toEqual({ code: 'internal', requestId: 'the-id' });
        }
        expect(answer.text).not.toMatch(/SELECT|vault|stack|\.ts/);
        expect(answer.body.data.track).toBeNull();
        expect(answer.body.data.tracks.nodes[0].isrc).toMatch(/^QZ/);
      }
    } finally {
      for (const spy of spies) spy.mockRestore();
    }
  });
});
