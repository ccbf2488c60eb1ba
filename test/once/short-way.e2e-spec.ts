import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiTokensService } from '../../src/auth/api-tokens.service';
import { DatabaseConnector } from '../../src/database/database.connector';
import { Metrics } from '../../src/observability/metrics';
import { TrackDocumentsRepository } from '../../src/tracks/track-documents.repository';
import { TracksService } from '../../src/tracks/tracks.service';
import { spotifyEnvironment, startApp, type TestApp } from '../support/app';
import { fakeTrack } from '../fakes/spotify/fake-track';
import { type SpotifyFake, startSpotifyFake } from '../fakes/spotify/spotify-fake';

/* Plain reads are answered before Fastify: to the last byte as Fastify answers them. */

const ISRC = 'GBHOT2400001';
const ABSENT = 'GBHOT2499999';
const PATH = `/v1/tracks/${ISRC}`;
const PATIENCE_MS = 10_000;

let spotify: SpotifyFake;
beforeAll(async () => {
  spotify = await startSpotifyFake({ mode: 'extended' });
  spotify.addTracks(fakeTrack({ isrc: ISRC, title: 'Grün 🎵' }));
});
afterAll(() => spotify.stop());

/** Two servers on one database, the second without the short way; a reader, and one who may read no tracks. */
interface Pair {
  readonly short: TestApp;
  readonly long: TestApp;
  readonly token: string;
  readonly poor: string;
  readonly tag: string;
  stop(): Promise<void>;
}

async function startPair(environment: Record<string, string> = {}): Promise<Pair> {
  const settings = { ...spotifyEnvironment(spotify), ...environment };
  const short = await startApp(settings);
  const long = await startApp({ ...settings, DATABASE_URL: short.database.url }, { hasShortWay: false });
  expect((await short.call('POST', '/v1/tracks', { json: { isrc: ISRC } })).status).toBe(201);
  const { body } = await short.call('POST', '/v1/tokens', { json: { name: 'x', scopes: ['imports:read'] } });
  const poor = String(body.token);
  const token = short.tokens.reader;
  let tag = '';
  // From the third time on a token is known by its text.
  for (const by of [short, long]) {
    for (let time = 0; time < 3; time++) {
      tag = (await by.call('GET', PATH, { token })).headers.get('etag') ?? '';
      await by.call('GET', PATH, { token: poor });
    }
  }
  return {
    ...{ short, long, token, poor, tag },
    async stop() {
      await long.stop();
      await short.stop();
    },
  };
}

/** Sends bytes, and reads until the server closes. */
function exchange(by: TestApp, bytes: string): Promise<string> {
  const { hostname, port } = new URL(by.url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) });
    let text = '';
    socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error(`no end of ${JSON.stringify(text)}`)));
    socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
    socket.once('error', reject).once('close', () => {
      resolve(text);
    });
    socket.write(bytes);
  });
}

/** Without what differs from answer to answer. */
const normalised = (text: string): string =>
  text
    .replaceAll(/^(Date|date): .*$/gm, '$1: then')
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'some-uuid')
    .replaceAll(/;t=\d+/g, ';t=n')
    .replaceAll(/^retry-after: (59|60)$/gim, 'retry-after: a minute');

const request = (head: string, ...fields: string[]): string =>
  `${[head, 'Host: x', ...fields, 'Connection: close'].join('\r\n')}\r\n\r\n`;
const kept = (head: string, ...fields: string[]): string =>
  `${[head, 'Host: x', ...fields].join('\r\n')}\r\n\r\n`;
const GET = `GET ${PATH} HTTP/1.1`;

/** How many are answered by the short way; whatever that is, both servers have to say the same. */
type Case = readonly [name: string, shortOnes: number, bytes: (pair: Pair) => string];
const bearer = ({ token }: Pick<Pair, 'token'>): string => `Authorization: Bearer ${token}`;

const CASES: readonly Case[] = [
  ['a plain read', 1, (p) => request(GET, bearer(p))],
  ['names of fields in any case', 1, (p) => request(GET, bearer(p).replace('Auth', 'aUTH'))],
  ['any type accepted', 1, (p) => request(GET, bearer(p), 'Accept: */*')],
  ['JSON accepted', 1, (p) => request(GET, bearer(p), 'Accept: application/json')],
  ['what axios accepts', 1, (p) => request(GET, bearer(p), 'Accept: application/json, text/plain, */*')],
  ['JSON refused', 0, (p) => request(GET, bearer(p), 'Accept: application/json;q=0')],
  ['another type', 0, (p) => request(GET, bearer(p), 'Accept: application/xml')],
  ['two Accept fields', 0, (p) => request(GET, bearer(p), 'Accept: text/html', 'Accept: text/plain')],
  ['the tag', 1, (p) => request(GET, bearer(p), `If-None-Match: ${p.tag}`)],
  ['the tag, weak, of several', 1, (p) => request(GET, bearer(p), `If-None-Match: "a", W/${p.tag}`)],
  ['any tag', 1, (p) => request(GET, bearer(p), 'If-None-Match: *')],
  ['another tag', 1, (p) => request(GET, bearer(p), 'If-None-Match: "a"')],
  ['no tag', 1, (p) => request(GET, bearer(p), 'If-None-Match:')],
  ['no-cache', 1, (p) => request(GET, bearer(p), 'Cache-Control: no-cache', `If-None-Match: ${p.tag}`)],
  ['a range', 1, (p) => request(GET, bearer(p), 'Range: bytes=0-4')],
  ['a request id', 1, (p) => request(GET, bearer(p), 'X-Request-Id: a.b-C_9')],
  ['a bad request id', 1, (p) => request(GET, bearer(p), 'X-Request-Id: a b')],
  ['two request ids', 1, (p) => request(GET, bearer(p), 'X-Request-Id: a', 'X-Request-Id: b')],
  ['a trace', 1, (p) => request(GET, bearer(p), `Traceparent: 00-${'1'.repeat(32)}-${'2'.repeat(16)}-01`)],
  [
    'a forged proxy',
    1,
    (p) => request(GET, bearer(p), 'X-Forwarded-Proto: https', 'X-Forwarded-For: 1.2.3.4'),
  ],
  ['an origin', 1, (p) => request(GET, bearer(p), 'Origin: https://a.example')],
  ['a method within', 1, (p) => request(GET, bearer(p), 'X-HTTP-Method-Override: DELETE')],
  ['an upgrade', 1, (p) => request(GET, bearer(p), 'Upgrade: websocket')],
  ['an expectation', 0, (p) => request(GET, bearer(p), 'Expect: 100-continue')],
  ['an unknown expectation', 0, (p) => request(GET, bearer(p), 'Expect: tea')],
  ['lower case', 0, (p) => request(`GET ${PATH.toLowerCase()} HTTP/1.1`, bearer(p))],
  ['hyphens', 0, (p) => request('GET /v1/tracks/GB-HOT-24-00001 HTTP/1.1', bearer(p))],
  ['an escape', 0, (p) => request('GET /v1/tracks/%47BHOT2400001 HTTP/1.1', bearer(p))],
  ['an escaped path', 0, (p) => request(`GET /v1/%74racks/${ISRC} HTTP/1.1`, bearer(p))],
  ['a bad escape', 0, (p) => request('GET /v1/tracks/%ZZHOT2400001 HTTP/1.1', bearer(p))],
  ['an empty query', 0, (p) => request(`GET ${PATH}? HTTP/1.1`, bearer(p))],
  ['a query', 0, (p) => request(`GET ${PATH}?fields=title HTTP/1.1`, bearer(p))],
  ['a fragment', 0, (p) => request(`GET ${PATH}#a HTTP/1.1`, bearer(p))],
  ['a slash', 0, (p) => request(`GET ${PATH}/ HTTP/1.1`, bearer(p))],
  ['two slashes', 0, (p) => request(`GET /${PATH} HTTP/1.1`, bearer(p))],
  ['dots', 0, (p) => request(`GET /v1/tracks/../tracks/${ISRC} HTTP/1.1`, bearer(p))],
  ['a semicolon', 0, (p) => request(`GET ${PATH};a=1 HTTP/1.1`, bearer(p))],
  ['an absolute target', 0, (p) => request(`GET http://x${PATH} HTTP/1.1`, bearer(p))],
  ['HEAD', 0, (p) => request(`HEAD ${PATH} HTTP/1.1`, bearer(p))],
  ['POST', 0, (p) => request(`POST ${PATH} HTTP/1.1`, bearer(p), 'Content-Length: 0')],
  ['OPTIONS', 0, (p) => request(`OPTIONS ${PATH} HTTP/1.1`, bearer(p))],
  ['HTTP/1.0', 0, (p) => request(`GET ${PATH} HTTP/1.0`, bearer(p))],
  ['no host', 0, (p) => `${GET}\r\n${bearer(p)}\r\nConnection: close\r\n\r\n`],
  ['two hosts', 1, (p) => request(GET, bearer(p), 'Host: y')],
  ['an empty body', 0, (p) => request(GET, bearer(p), 'Content-Length: 0')],
  ['a body', 0, (p) => `${request(GET, bearer(p), 'Content-Type: application/json', 'Content-Length: 2')}{}`],
  ['a body in parts', 0, (p) => `${request(GET, bearer(p), 'Transfer-Encoding: chunked')}0\r\n\r\n`],
  [
    'a smuggled request',
    0,
    (p) =>
      `${request(GET, bearer(p), 'Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n${kept(GET, bearer(p))}`,
  ],
  ['what is not stored', 0, (p) => request(`GET /v1/tracks/${ABSENT} HTTP/1.1`, bearer(p))],
  [
    'what is not stored, with any tag',
    0,
    (p) => request(`GET /v1/tracks/${ABSENT} HTTP/1.1`, bearer(p), 'If-None-Match: *'),
  ],
  ['no code', 0, (p) => request('GET /v1/tracks/GBHOT24O0001 HTTP/1.1', bearer(p))],
  ['no token', 0, () => request(GET)],
  ['an empty token', 0, () => request(GET, 'Authorization: Bearer')],
  ['a fake', 0, (p) => request(GET, `${bearer(p).slice(0, -1)}_`)],
  ['more behind the token', 0, (p) => request(GET, `${bearer(p)} x`)],
  ['two spaces', 0, (p) => request(GET, bearer(p).replace('Bearer ', 'Bearer  '))],
  ['lower-case bearer', 0, (p) => request(GET, bearer(p).replace('Bearer', 'bearer'))],
  ['Basic', 0, (p) => request(GET, bearer(p).replace('Bearer', 'Basic'))],
  ['the token twice', 0, (p) => request(GET, bearer(p), bearer(p))],
  ['two tokens', 0, (p) => request(GET, bearer(p), 'Authorization: Bearer x')],
  ['a token in the query', 0, (p) => request(`GET ${PATH}?access_token=${p.token} HTTP/1.1`)],
  ['a token without the scope', 0, (p) => request(GET, bearer({ token: p.poor }))],
  [
    'several in a row',
    3,
    (p) => kept(GET, bearer(p)) + kept(GET, bearer(p), `If-None-Match: ${p.tag}`) + request(GET, bearer(p)),
  ],
  [
    'several in a row, with refusals and long ones between',
    3,
    (p) =>
      kept(GET, bearer(p)) +
      kept(`GET /v1/tracks/${ABSENT} HTTP/1.1`, bearer(p)) +
      kept(GET) +
      kept(GET, bearer(p), 'X-Request-Id: third') +
      kept('GET /v1/me HTTP/1.1', bearer(p)) +
      `${kept('POST /v1/tracks/lookup HTTP/1.1', bearer(p), 'Content-Type: application/json', 'Content-Length: 26')}{"isrcs":["${ISRC}"]}` +
      request(GET, bearer(p)),
  ],
  ['a broken one behind a good one', 1, (p) => `${kept(GET, bearer(p))}BREW / HTTP/1.1\r\n\r\n`],
];

async function answersOf(pair: Pair, bytes: string) {
  const shortOnes = jest.spyOn(pair.short.app.get(TracksService), 'findTrack');
  const [short, long] = await Promise.all([exchange(pair.short, bytes), exchange(pair.long, bytes)]);
  const found = await Promise.all(
    shortOnes.mock.results.map(({ value }) => (value as Promise<unknown>).catch(() => null)),
  );
  shortOnes.mockRestore();
  return {
    short: normalised(short),
    long: normalised(long),
    shortOnes: found.filter((each) => each !== null).length,
  };
}

/** A token that was not confirmed for a while goes the long way, as on a machine that does much else meanwhile: asked again then. */
async function answersInTime(pair: Pair, bytes: string, shortOnes: number) {
  for (let time = 1; ; time++) {
    const answers = await answersOf(pair, bytes);
    if (answers.shortOnes === shortOnes || time === 5) return answers;
  }
}

async function callsMeasured({ app }: TestApp): Promise<string[]> {
  const text = await app.get(Metrics).describe();
  return text.split('\n').filter((line) => line.startsWith('deadwax_http_request_duration_seconds_count'));
}

describe('with limits', () => {
  let pair: Pair;
  beforeAll(async () => {
    pair = await startPair({ CLIENT_REQUESTS_PER_MINUTE: '1000', CLIENT_FAILURES_PER_MINUTE: '1000' });
  });
  afterAll(() => pair.stop());

  it.each(CASES)('%s', async (_name, shortOnes, bytes) => {
    const answers = await answersInTime(pair, bytes(pair), shortOnes);
    expect(answers.short).toBe(answers.long);
    expect(answers.short).toMatch(/^HTTP\/1\.1 /);
    expect(answers.shortOnes).toBe(shortOnes);
  });

  it('has counted the same calls', async () => {
    const measured = async (by: TestApp) =>
      (await callsMeasured(by)).filter((line) => line.includes('route="/v1/tracks/:isrc"')).sort();
    expect(await measured(pair.short)).toEqual(await measured(pair.long));
    expect(await measured(pair.short)).toHaveLength(8);
  });

  it('hands on what fails, and what comes before the database is ready', async () => {
    const failing = [pair.short, pair.long].map(({ app }) =>
      jest
        .spyOn(app.get(TrackDocumentsRepository), 'findMany')
        .mockRejectedValue(Object.assign(new Error('gone'), { code: 'ECONNREFUSED' })),
    );
    const failed = await answersOf(pair, request(GET, bearer(pair)));
    expect(failed.short).toBe(failed.long);
    expect(failed.short).toMatch(/^HTTP\/1\.1 503 /);
    for (const spy of failing) spy.mockRestore();
    const early = [pair.short, pair.long].map(({ app }) =>
      jest.spyOn(app.get(DatabaseConnector), 'state', 'get').mockReturnValue('connecting'),
    );
    const unready = await answersOf(pair, request(GET, bearer(pair)));
    for (const spy of early) spy.mockRestore();
    expect(unready.short).toBe(unready.long);
    expect(unready.short).toMatch(/^HTTP\/1\.1 503 /);
    expect(unready.shortOnes).toBe(0);
    const again = await answersInTime(pair, request(GET, bearer(pair)), 1);
    expect([again.short, again.shortOnes]).toEqual([again.long, 1]);
  });

  it('waits for its turn, and looks at the token again when it comes', async () => {
    const { admission } = pair.short.app.getHttpAdapter().getInstance().edge;
    // Else it takes more in hand as soon as a second is over in which somebody waited.
    const adapting = jest
      .spyOn(admission as unknown as { setLimit: () => void }, 'setLimit')
      .mockImplementation(() => undefined);
    const leaves: (() => void)[] = [];
    const fill = () => {
      for (let leave = admission.comeAtOnce(); leave !== null; leave = admission.comeAtOnce())
        leaves.push(leave);
    };
    const empty = () => {
      for (const leave of leaves.splice(0)) leave();
    };
    const plain = await exchange(pair.short, request(GET, bearer(pair)));
    const tokens = pair.short.app.get(ApiTokensService);
    const made = await tokens.create('to be revoked', ['tracks:read'], null);
    for (const token of [made.text, made.text, made.text, pair.token, pair.token, pair.token]) {
      await pair.short.call('GET', PATH, { token });
    }
    const shortOnes = jest.spyOn(pair.short.app.get(TracksService), 'findTrack');
    fill();
    const waiting = exchange(pair.short, request(GET, bearer(pair)));
    await sleep(100);
    expect(shortOnes).not.toHaveBeenCalled();
    empty();
    const withoutCounts = (text: string) => normalised(text).replaceAll(/r=\d+/g, 'r=n');
    expect(withoutCounts(await waiting)).toBe(withoutCounts(plain));
    expect(shortOnes).toHaveBeenCalledTimes(1);
    fill();
    const revoked = exchange(pair.short, request(GET, bearer({ token: made.text })));
    await sleep(100);
    await tokens.revoke(made.token.id);
    empty();
    expect(await revoked).toMatch(/^HTTP\/1\.1 401 /);
    expect(shortOnes).toHaveBeenCalledTimes(1);
    shortOnes.mockRestore();

    // The revocation had all tokens looked up anew.
    for (let time = 0; time < 3; time++) await pair.short.call('GET', PATH, { token: pair.token });
    fill();
    const inVain = jest.spyOn(admission, 'come').mockImplementationOnce((enter) => {
      enter(false);
      return () => undefined;
    });
    const refused = await exchange(pair.short, request(GET, bearer(pair)));
    expect(refused).toMatch(/^HTTP\/1\.1 503 [^]*retry-after: \d+\r\n[^]*problems\/overloaded/);
    expect(inVain).toHaveBeenCalledTimes(1);
    inVain.mockRestore();
    empty();
    adapting.mockRestore();
    expect((await pair.short.call('GET', PATH, { token: pair.token })).status).toBe(200);
  });

  it('bears callers who go before they are answered', async () => {
    const { hostname, port } = new URL(pair.short.url);
    for (let time = 0; time < 50; time++) {
      const socket = connect({ host: hostname, port: Number(port) });
      await new Promise((resolve) => socket.once('connect', resolve));
      socket.write(kept(GET, bearer(pair)).repeat(3), () => socket.destroy());
    }
    await sleep(100);
    const after = await answersInTime(pair, request(GET, bearer(pair)), 1);
    expect(after.shortOnes).toBe(1);
    expect(after.short).toMatch(/^HTTP\/1\.1 200 /);
  });
});

it('charges each call once, and refuses what is above the allowance, as the long way does', async () => {
  const pair = await startPair({ CLIENT_REQUESTS_PER_MINUTE: '25' });
  const paths = Array.from({ length: 30 }, (_, n) => (n % 4 === 3 ? `/v1/tracks/${ABSENT}` : PATH));
  const bytes = paths
    .map((path, n) => (n < 29 ? kept : request)(`GET ${path} HTTP/1.1`, bearer(pair)))
    .join('');
  const answers = await answersOf(pair, bytes);
  await pair.stop();
  const statuses = [...answers.short.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => Number(status));
  // Three calls went before.
  expect(statuses).toEqual(paths.map((path, n) => (n >= 22 ? 429 : path === PATH ? 200 : 404)));
  expect(answers.short).toBe(answers.long);
});

it.each([
  [{ CLIENT_REQUESTS_PER_MINUTE: '0' }],
  [{ TRUST_PROXY: 'loopback' }],
  [{ TRUST_PROXY: '192.0.2.1' }],
  [{ CORS_ORIGINS: 'https://a.example' }],
])('answers alike with %j', async (environment) => {
  const pair = await startPair(environment);
  const lines = (text: string) => text.split('\r\n').sort();
  for (const fields of [
    [],
    ['X-Forwarded-Proto: https'],
    ['X-Forwarded-Proto: https,http'],
    ['X-Forwarded-Proto: http, https '],
    ['X-Forwarded-Proto: HTTPS'],
    ['X-Forwarded-Proto: https', 'X-Forwarded-Proto: http'],
    ['Origin: https://a.example'],
    ['Origin: https://b.example'],
    [`If-None-Match: ${pair.tag}`],
  ]) {
    const isForPages = 'CORS_ORIGINS' in environment && fields[0]?.startsWith('Origin') === true;
    const shortOnes = isForPages ? 0 : 1;
    const answers = await answersInTime(pair, request(GET, bearer(pair), ...fields), shortOnes);
    expect(lines(answers.short)).toEqual(lines(answers.long));
    expect(answers.shortOnes).toBe(shortOnes);
  }
  await pair.stop();
});

it('closes what it answers while the server stops, and takes no more', async () => {
  const pair = await startPair();
  const documents = pair.short.app.get(TrackDocumentsRepository);
  const find = documents.find.bind(documents);
  let goOn = (): void => undefined;
  const isHeld = new Promise<void>((resolve) => (goOn = resolve));
  let hasBegun = (): void => undefined;
  const begun = new Promise<void>((resolve) => (hasBegun = resolve));
  jest.spyOn(documents, 'find').mockImplementation(async (isrc) => {
    const found = await find(isrc);
    hasBegun();
    await isHeld;
    return found;
  });
  const answer = exchange(pair.short, kept(GET, bearer(pair)));
  await begun;
  const stopped = pair.short.app.close();
  await sleep(50);
  goOn();
  expect(await answer).toMatch(/^HTTP\/1\.1 200 [^]*connection: close\r\n/i);
  await stopped;
  await pair.long.stop();
  await pair.short.database.drop();
});
