import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
import type { Isrc } from '../../src/recording/isrc';
import {
  SourceError,
  SourceTimeoutError,
  SourceUnavailableError,
} from '../../src/recording/recording-source';
import type { SpotifySource } from '../../src/spotify/spotify-source';
import { INTERACTIVE, type SourceProcess, type SourceWorld, sourceWorld } from '../support/spotify-source';

/*
 * Real: the module, HTTP, sockets. Not real: the server, which sends what no stand-in of Spotify should, byte by byte.
 */

const ISRC = 'USVT10300001' as Isrc;
const CLIENT_SECRET = 'SECRETsecretSECRETsecret01234567';
const TOKEN = `BQ${'tokenTOKEN'.repeat(15)}`;
const BASIC = Buffer.from(`client-id:${CLIENT_SECRET}`).toString('base64');
const EMPTY_SEARCH = JSON.stringify({ tracks: { items: [], total: 0 } });
const TIMEOUT_MS = 600;

let server: Server;
let base: string;
let world: SourceWorld;
let running: SourceProcess;
let source: SpotifySource;
let search: RequestListener;
let token: RequestListener;
let calls: { search: number; token: number };

function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}

beforeAll(async () => {
  server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const isToken = request.url?.startsWith('/api/token') ?? false;
    calls[isToken ? 'token' : 'search'] += 1;
    request.resume();
    (isToken ? token : search)(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

beforeEach(async () => {
  calls = { search: 0, token: 0 };
  token = (_request, response) => {
    json(response, 200, { access_token: TOKEN, token_type: 'Bearer', expires_in: 3600 });
  };
  search = (_request, response) => {
    response.end(EMPTY_SEARCH);
  };
  world = await sourceWorld();
  running = await world.start({
    clientId: 'client-id',
    clientSecret: CLIENT_SECRET,
    apiUrl: `${base}/v1`,
    accountsUrl: base,
    timeoutMs: TIMEOUT_MS,
  });
  source = running.source;
});

afterEach(async () => {
  await world.end();
  server.closeAllConnections();
});

afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
});

/** The error that a find ends with; whatever it is, it must not show a secret. */
async function failureOfFind(): Promise<Error> {
  const error: unknown = await source.findByIsrc(ISRC, INTERACTIVE).then(
    () => new Error('found without an error'),
    (caught: unknown) => caught,
  );
  const shown = `${inspect(error, { depth: 10, showHidden: true })} ${JSON.stringify(error)} ${String((error as Error).stack)}`;
  for (const secret of [CLIENT_SECRET, TOKEN, BASIC, TOKEN.slice(0, 25)]) expect(shown).not.toContain(secret);
  return error as Error;
}

const isTokenToo = [
  ['the API host', (listener: RequestListener) => (search = listener)],
  ['the accounts host', (listener: RequestListener) => (token = listener)],
] as const;

describe.each(isTokenToo)('%s answers with', (_host, answerWith) => {
  it('nothing at all: an error in time', async () => {
    answerWith(() => undefined);
    const start = Date.now();
    expect(await failureOfFind()).toBeInstanceOf(SourceTimeoutError);
    expect(Date.now() - start).toBeLessThan(TIMEOUT_MS + 2000);
  });

  it.each([200, 429, 500])(
    'one byte at a time under status %p: the deadline holds for the body too',
    async (status) => {
      let timer: NodeJS.Timeout | undefined;
      answerWith((_request, response) => {
        response.writeHead(status, { 'content-type': 'application/json', 'retry-after': '7' });
        timer = setInterval(() => response.write(' '), 20);
        response.on('close', () => {
          clearInterval(timer);
        });
      });
      const start = Date.now();
      const error = await failureOfFind();
      expect(Date.now() - start).toBeLessThan(TIMEOUT_MS + 2000);
      // A status that came counts, however its body goes on.
      expect(error).toBeInstanceOf(status === 200 ? SourceTimeoutError : SourceUnavailableError);
    },
  );

  it('a reset before the headers', async () => {
    answerWith((request) => {
      request.socket.resetAndDestroy();
    });
    expect(await failureOfFind()).toMatchObject({ slug: 'source-unavailable', retryAfterSeconds: 5 });
    expect(Math.max(calls.search, calls.token)).toBe(3);
  });

  it.each([false, true])('half a body and a broken connection (gzip %p)', async (isPacked) => {
    answerWith((_request, response) => {
      const bytes = isPacked ? gzipSync('x'.repeat(50_000)) : Buffer.from('{"tracks":{"items":[');
      response.writeHead(200, {
        'content-length': '100000',
        ...(isPacked ? { 'content-encoding': 'gzip' } : {}),
      });
      response.write(bytes.subarray(0, bytes.length / 2), () => response.socket?.resetAndDestroy());
    });
    expect(await failureOfFind()).toBeInstanceOf(SourceUnavailableError);
  });

  it.each([
    ['truncated JSON', `{"access_token":"${TOKEN}`, {}],
    ['HTML', `<html><body>${TOKEN}</body></html>`, { 'content-type': 'text/html' }],
    ['an empty body', '', {}],
    ['JSON that is no object', '7', {}],
    ['JSON of another shape', '{"error":{"status":404,"message":"Service not found"}}', {}],
    ['text that claims to be gzip', '{"tracks":{"items":[]}}', { 'content-encoding': 'gzip' }],
    ['truncated gzip', gzipSync(EMPTY_SEARCH).subarray(0, 20), { 'content-encoding': 'gzip' }],
  ])('%s', async (_what, body, headers) => {
    answerWith((_request, response) => {
      response.writeHead(200, headers).end(body);
    });
    expect(await failureOfFind()).toBeInstanceOf(SourceError);
  });

  it('what is no HTTP', async () => {
    answerWith((request) => {
      request.socket.end('SSH-2.0-OpenSSH_9.2\r\n');
    });
    expect(await failureOfFind()).toBeInstanceOf(SourceError);
  });

  it('a redirect, which would carry the credentials away', async () => {
    let followed = 0;
    const other = createServer((_request, response) => {
      followed += 1;
      response.end(EMPTY_SEARCH);
    });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    answerWith((_request, response) => {
      const { port } = other.address() as AddressInfo;
      response.writeHead(302, { location: `http://127.0.0.1:${port}/` }).end();
    });
    expect(await failureOfFind()).toBeInstanceOf(SourceError);
    expect(followed).toBe(0);
    await new Promise((resolve) => other.close(resolve));
  });

  it.each([400, 403, 404, 500])('status %p and our own credentials in the body', async (status) => {
    answerWith((request, response) => {
      const said = request.headers.authorization ?? '';
      json(response, status, { error: { status, message: `You sent ${said}` }, error_description: said });
    });
    expect(await failureOfFind()).toBeInstanceOf(status >= 500 ? SourceUnavailableError : SourceError);
  });

  it.each([
    ['Too many requests', '7', 7],
    ['', undefined, 30],
    ['{"error":{"reason":"QUOTA_EXCEEDED"}}', undefined, 3600],
    ['{"error":{}}', 'Sun, 22 Nov 2026 12:02:00 GMT', 120],
  ])('429 %j with Retry-After %p: nothing is sent until it is over', async (body, retryAfter, seconds) => {
    answerWith((_request, response) => {
      response.writeHead(429, retryAfter === undefined ? {} : { 'retry-after': retryAfter }).end(body);
    });
    expect(await failureOfFind()).toMatchObject({ slug: 'source-unavailable', retryAfterSeconds: seconds });
    const sent = { ...calls };

    world.clock.ms += 1500;
    await expect(source.findByIsrc(ISRC, INTERACTIVE)).rejects.toMatchObject({
      retryAfterSeconds: seconds - 1,
    });
    world.clock.ms += seconds * 1000 - 3501;
    await expect(source.findByIsrc(ISRC, INTERACTIVE)).rejects.toMatchObject({ retryAfterSeconds: 3 });
    expect(calls).toEqual(sent);

    // Two seconds are waited out.
    world.clock.ms += 1;
    await failureOfFind();
    expect(calls.search + calls.token).toBeGreaterThan(sent.search + sent.token);
  });
});

describe('the API host answers with', () => {
  it.each([false, true])('a body without end (gzip %p): refused, and memory stays flat', async (isPacked) => {
    const block = isPacked ? gzipSync(Buffer.alloc(256 * 1024 * 1024)) : Buffer.alloc(1024 * 1024, ' ');
    let sent = 0;
    search = (_request, response) => {
      response.writeHead(200, isPacked ? { 'content-encoding': 'gzip' } : {});
      const more = (): void => {
        while (!response.destroyed && sent < 512 && response.write(block)) sent += 1;
      };
      response.on('drain', more);
      more();
    };
    const before = process.memoryUsage().rss;
    const error = await failureOfFind();
    expect(error).toBeInstanceOf(SourceError);
    expect(error.message).toContain('more than 5242880 bytes');
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * 1024 * 1024);
    expect(sent).toBeLessThan(64);
  });

  it('a limit while another call waits for its token: that one is not sent any more', async () => {
    await source.findByIsrc(ISRC, INTERACTIVE);
    let sendLimit = (): void => undefined;
    let sendToken = (): void => undefined;
    const grant = token;
    const limitAsked = new Promise<void>((asked) => {
      search = (_request, response) => {
        sendLimit = () => response.writeHead(429, { 'retry-after': '7' }).end();
        asked();
      };
    });
    const tokenAsked = new Promise<void>((asked) => {
      token = (request, response) => {
        sendToken = () => {
          grant(request, response);
        };
        asked();
      };
    });
    const limited = failureOfFind();
    await limitAsked;
    world.clock.ms += 3_600_000;
    const waiting = failureOfFind();
    await tokenAsked;
    sendLimit();
    await limited;
    sendToken();
    expect(await waiting).toMatchObject({ constructor: SourceUnavailableError, retryAfterSeconds: 7 });
    expect(calls).toEqual({ search: 2, token: 2 });
  });

  it.each([
    ['a shorter limit after a longer one: the longer one holds', 429, '7', 60],
    ['401 after a limit: no token is asked for', 401, '7', 60],
  ])('%s', async (_what, status, retryAfter, seconds) => {
    await source.findByIsrc(ISRC, INTERACTIVE);
    const open: ServerResponse[] = [];
    const bothAsked = new Promise<void>((resolve) => {
      search = (_request, response) => {
        if (open.push(response) === 2) resolve();
      };
    });
    const finds = [failureOfFind(), failureOfFind()];
    await bothAsked;
    open[0]?.writeHead(429, { 'retry-after': `${seconds}` }).end();
    await Promise.race(finds);
    open[1]?.writeHead(status, { 'retry-after': retryAfter }).end();
    await Promise.all(finds);

    expect(calls).toEqual({ search: 3, token: 1 });
    await expect(source.findByIsrc(ISRC, INTERACTIVE)).rejects.toMatchObject({ retryAfterSeconds: seconds });
    expect(calls).toEqual({ search: 3, token: 1 });
  });

  it('401 without end: one renewal, then an error', async () => {
    search = (_request, response) => {
      json(response, 401, { error: { status: 401, message: 'Invalid access token' } });
    };
    expect(await failureOfFind()).toBeInstanceOf(SourceError);
    expect(calls).toEqual({ search: 2, token: 2 });
  });

  it('ten items that never change: asked twice, not for all pages', async () => {
    const items = Array.from({ length: 10 }, (_unused, index) => ({ id: `same${index}` }));
    search = (_request, response) => {
      json(response, 200, { tracks: { items } });
    };
    await expect(source.findByIsrc(ISRC, INTERACTIVE)).resolves.toBeNull();
    expect(calls.search).toBe(2);
  });

  it('ten nulls: not taken for a page that may hide more', async () => {
    search = (_request, response) => {
      json(response, 200, { tracks: { items: Array.from({ length: 10 }, () => null) } });
    };
    await expect(source.findByIsrc(ISRC, INTERACTIVE)).resolves.toBeNull();
    expect(calls.search).toBe(1);
  });

  it('a keep-alive connection: one socket serves calls in turn', async () => {
    const ports = new Set<number | undefined>();
    search = (request, response) => {
      ports.add(request.socket.remotePort);
      response.end(EMPTY_SEARCH);
    };
    for (let turn = 0; turn < 5; turn += 1) await source.findByIsrc(ISRC, INTERACTIVE);
    expect(ports.size).toBe(1);
  });

  it('nothing, because nobody listens', async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    running.settings.apiUrl = `http://127.0.0.1:${port}/v1`;
    expect(await failureOfFind()).toMatchObject({ slug: 'source-unavailable', retryAfterSeconds: 5 });
  });
});
