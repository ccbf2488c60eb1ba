import { DataSource } from 'typeorm';
import { fakeTrack } from '../fakes/spotify/fake-track';
import { type SpotifyFake, startSpotifyFake } from '../fakes/spotify/spotify-fake';
import { type Answer, type CallOptions, spotifyEnvironment, startApp, type TestApp } from '../support/app';
import { expectProblem } from './problem-check';

/* The shorter way of `GET /v1/tracks/{isrc}`: as strict as the long one, and never older than what was written. */

const ISRC = 'GBHOT2400001';
const PATH = `/v1/tracks/${ISRC}`;

let spotify: SpotifyFake;
/** Two servers on one database. */
let here: TestApp;
let there: TestApp;
let tag: string;
let body: string;
beforeAll(async () => {
  spotify = await startSpotifyFake({ mode: 'extended' });
  here = await startApp(spotifyEnvironment(spotify));
  there = await startApp({ ...spotifyEnvironment(spotify), DATABASE_URL: here.database.url });
  spotify.addTracks(fakeTrack({ isrc: ISRC, title: 'Grün' }));
  const { status, text } = await here.call('POST', '/v1/tracks', { json: { isrc: ISRC } });
  expect(status).toBe(201);
  body = text;
  tag = (await get(PATH)).headers.get('etag') ?? '';
});
afterAll(async () => {
  await there.stop();
  await here.stop();
  await spotify.stop();
});

const get = (path: string, options: CallOptions = {}, by = here): Promise<Answer> =>
  by.call('GET', path, { token: here.tokens.reader, ...options });

it.each([ISRC.toLowerCase(), 'GB-HOT-24-00001', '%20GB%20HOT%2024%2000001', 'ISRC%20GBHOT2400001', ISRC])(
  'answers %s with the stored bytes under their one name',
  async (spelling) => {
    const answer = await get(`/v1/tracks/${spelling}`);
    expect([answer.status, answer.text]).toEqual([200, body]);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'content-type': 'application/json; charset=utf-8',
      'content-length': String(Buffer.byteLength(body)),
      'content-location': PATH,
      'cache-control': 'private, no-cache',
      etag: tag,
    });
    expect(answer.headers.get('vary')).toContain('Authorization');
  },
);

it('answers HEAD with the headers of GET and no body', async () => {
  const [head, full] = [await here.call('HEAD', PATH), await get(PATH)];
  expect([head.status, head.text]).toEqual([200, '']);
  for (const name of [
    'etag',
    'content-type',
    'content-length',
    'content-location',
    'cache-control',
    'vary',
  ]) {
    expect([name, head.headers.get(name)]).toEqual([name, full.headers.get(name)]);
  }
  const same = await here.call('HEAD', PATH, { headers: { 'if-none-match': tag } });
  expect([same.status, same.text]).toEqual([304, '']);
});

it('compares If-None-Match as RFC 9110 has it', async () => {
  for (const given of [tag, `W/${tag}`, `"other", ${tag}`, `"a" , W/${tag},"b"`, '*']) {
    const answer = await get(PATH, { headers: { 'if-none-match': given } });
    expect([given, answer.status, answer.text]).toEqual([given, 304, '']);
    expect([answer.headers.get('etag'), answer.headers.get('content-location')]).toEqual([tag, PATH]);
    expect(answer.headers.get('content-length')).toBeNull();
  }
  for (const given of ['"other"', tag.slice(1, -1), 'W/"other", "more"', '']) {
    const answer = await get(PATH, { headers: { 'if-none-match': given } });
    expect([given, answer.status, answer.text]).toEqual([given, 200, body]);
  }
  // Of what is not there, and of who may not know, there is nothing to revalidate.
  expect((await get('/v1/tracks/GBHOT2499999', { headers: { 'if-none-match': '*' } })).status).toBe(404);
  expect((await get(PATH, { token: null, headers: { 'if-none-match': tag } })).status).toBe(401);
});

it('refuses as every other route does', async () => {
  expectProblem(await get('/v1/tracks/GBHOT2499999'), 'track-not-found');
  expectProblem(await get('/v1/tracks/GBHOT24O0001'), 'invalid-isrc');
  const unknown = await get(`${PATH}?fields=title`);
  expectProblem(unknown, 'invalid-request');
  expect(JSON.stringify(unknown.body.errors)).toContain('fields');
  expectProblem(await get(PATH, { headers: { accept: 'text/html' } }), 'not-acceptable');
  expectProblem(await here.call('POST', PATH, { json: {} }), 'method-not-allowed');
});

it('lets in nobody but by a token of the scope in the header', async () => {
  const noToken = await get(PATH, { token: null });
  expectProblem(noToken, 'unauthenticated');
  expect(noToken.headers.get('www-authenticate')).toBe('Bearer realm="deadwax"');
  for (const name of ['access_token', 'token']) {
    const inQuery = await get(`${PATH}?${name}=${here.tokens.reader}`, { token: null });
    expect(inQuery.text).not.toContain(here.tokens.reader);
    expect([400, 401]).toContain(inQuery.status);
  }
  const made = await here.call('POST', '/v1/tokens', { json: { name: 'x', scopes: ['imports:read'] } });
  // The second and third time it is known by its text.
  for (let time = 0; time < 3; time++) {
    const refused = await get(PATH, { token: made.body.token });
    expectProblem(refused, 'insufficient-scope');
    expect(refused.headers.get('www-authenticate')).toContain('scope="tracks:read"');
  }
});

it('takes a token no longer than it is good', async () => {
  const expiresAt = new Date(Date.now() + 2_500).toISOString();
  const { body: made } = await here.call('POST', '/v1/tokens', {
    json: { name: 'x', role: 'reader', expiresAt },
  });
  const deadline = performance.now() + 30_000;
  let calls = 0;
  for (; (await get(PATH, { token: made.token })).status === 200; calls++) {
    if (performance.now() > deadline) throw new Error('still accepted');
  }
  expect(calls).toBeGreaterThan(0);
  expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(expiresAt));
  const other = (await here.call('POST', '/v1/tokens', { json: { name: 'x', role: 'reader' } })).body;
  for (let time = 0; time < 3; time++) expect((await get(PATH, { token: other.token })).status).toBe(200);
  await here.call('DELETE', `/v1/tokens/${String(other.id)}`);
  expect((await get(PATH, { token: other.token })).status).toBe(401);
});

it('keeps a well-formed request id, and makes one for every other call', async () => {
  const kept = await get(PATH, { headers: { 'x-request-id': 'a.b-C_9' } });
  expect(kept.headers.get('x-request-id')).toBe('a.b-C_9');
  const made = [await get(PATH, { headers: { 'x-request-id': 'not good' } }), await get(PATH)];
  const ids = made.map(({ headers }) => headers.get('x-request-id'));
  for (const id of ids) expect(id).toMatch(/^[0-9a-f-]{36}$/);
  expect(ids[0]).not.toBe(ids[1]);
});

it('is never older than what was written, on any server: replaced, renamed, removed', async () => {
  const isrc = 'GBHOT2400002';
  const path = `/v1/tracks/${isrc}`;
  for (let round = 0; round < 5; round++) {
    const [writer, reader] = round % 2 === 0 ? [here, there] : [there, here];
    const token = here.tokens.admin;
    const release = (title: string, name: string) => {
      spotify.addTracks(fakeTrack({ id: 'hotTrack', isrc, title, artists: [{ id: 'hotArtist', name }] }));
    };
    const shown = async () => {
      const answers = await Promise.all([
        get(path, {}, reader),
        get(path, {}, writer),
        get(path, {}, reader),
      ]);
      return answers.map(({ status, body: track }) =>
        status === 200 ? `${String(track.title)} by ${String(track.artists[0].name)}` : status,
      );
    };
    const all = <T>(value: T) => [value, value, value];
    release(`First ${round}`, 'Before');
    expect((await writer.call('POST', '/v1/tracks', { token, json: { isrc } })).status).toBe(201);
    expect(await shown()).toEqual(all(`First ${round} by Before`));
    release(`Second ${round}`, 'Before');
    expect((await writer.call('POST', `${path}/refresh`, { token })).status).toBe(200);
    expect(await shown()).toEqual(all(`Second ${round} by Before`));
    release(`Second ${round}`, 'After');
    expect((await writer.call('POST', `${path}/refresh`, { token })).status).toBe(200);
    expect(await shown()).toEqual(all(`Second ${round} by After`));
    // Another writer than ours, in one statement.
    await writer.app
      .get(DataSource)
      .query(`UPDATE track SET document = NULL, document_tag = NULL WHERE isrc = '${isrc}'`);
    expect(await shown()).toEqual(all(`Second ${round} by After`));
    expect((await writer.call('DELETE', path, { token })).status).toBe(204);
    expect(await shown()).toEqual(all(404));
  }
});
