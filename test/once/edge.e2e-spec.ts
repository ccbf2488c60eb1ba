import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { startApp, type TestApp } from '../support/app';
import { expectProblem } from '../e2e/problem-check';
import { sendRaw } from '../e2e/raw-http';

const ORIGIN = 'https://app.example.org';
const FORGED = {
  'x-forwarded-for': '203.0.113.9',
  'x-forwarded-host': 'evil.example',
  'x-forwarded-proto': 'https',
  forwarded: 'for=203.0.113.9;host=evil.example;proto=https',
};
const SENT = {
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};
const BANNERS = ['server', 'x-powered-by'];

let service: TestApp;
afterEach(() => service.stop());

function expectSecured(headers: Headers, policy = SENT['content-security-policy']): void {
  for (const [name, value] of Object.entries({ ...SENT, 'content-security-policy': policy })) {
    expect([name, headers.get(name)]).toEqual([name, value]);
  }
  for (const name of BANNERS) expect([name, headers.get(name)]).toEqual([name, null]);
}

describe('headers for browsers', () => {
  it('are on every answer, and no banner', async () => {
    service = await startApp();
    for (const path of [
      '/v1/me',
      '/v1/tracks/nonsense',
      '/nothing',
      '/health/live',
      '/openapi.json',
      '/v1/%ZZ',
    ]) {
      expectSecured((await service.call('GET', path)).headers);
    }
    expectSecured((await service.call('GET', '/v1/me', { token: null })).headers);
    expectSecured((await service.call('DELETE', '/v1/me')).headers);
    // Refused by the parser, and so by another hand.
    const { answers } = await sendRaw(service.url, ['BREW / HTTP/1.1\r\nHost: x\r\n\r\n']);
    expect(answers.map(({ status }) => status)).toEqual([400]);
    for (const { headers } of answers) expectSecured(headers);
    const tls = await service.call('GET', '/v1/me', { headers: FORGED });
    expect(tls.headers.get('strict-transport-security')).toBeNull();
  });

  it('let the pages for people work, and nothing else', async () => {
    service = await startApp();
    for (const path of ['/problems', '/problems/not-found']) {
      const answer = await fetch(service.url + path);
      await answer.arrayBuffer();
      const policy = answer.headers.get('content-security-policy') ?? '';
      expect(policy).toMatch(/^default-src 'none'; style-src 'unsafe-inline';.*frame-ancestors 'none'$/);
      expectSecured(answer.headers, policy);
    }
    for (const path of ['/docs', '/docs/', '/docs/swagger-ui.css', '/docs/swagger-ui-bundle.js']) {
      const answer = await fetch(service.url + path);
      const { headers } = answer;
      await answer.arrayBuffer();
      const policy = headers.get('content-security-policy') ?? '';
      expect(policy).toMatch(
        /default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src/,
      );
      expect(policy).not.toMatch(/script-src[^;]*unsafe/);
      expectSecured(headers, policy);
    }
    const page = await (await fetch(`${service.url}/docs`)).text();
    // An inline script would be refused by that policy.
    expect(page).not.toMatch(/<script(?![^>]*\bsrc=)[^>]*>/);
    expect(page).not.toMatch(/\son\w+=/);
  });

  it('speak of TLS where a trusted proxy says that the caller used it', async () => {
    service = await startApp({ TRUST_PROXY: 'loopback' });
    const sent = async (proto: string) =>
      (await service.call('GET', '/v1/me', { headers: { 'x-forwarded-proto': proto } })).headers.get(
        'strict-transport-security',
      );
    expect([await sent('https'), await sent('http')]).toEqual(['max-age=31536000', null]);
  });
});

describe('CORS', () => {
  const preflight = (path: string, origin: string, method = 'POST') =>
    fetch(service.url + path, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': method,
        'access-control-request-headers': 'authorization,content-type',
      },
    });
  const corsHeadersOf = (headers: Headers): string[] =>
    [...headers.keys()].filter((name) => name.startsWith('access-control-'));

  it('is off unless configured', async () => {
    service = await startApp();
    const asked = await preflight('/v1/tracks', ORIGIN);
    expectProblem(
      { status: asked.status, headers: asked.headers, text: await asked.text() },
      'method-not-allowed',
    );
    expect(asked.headers.get('allow')).toBe('GET, HEAD, POST');
    const answer = await service.call('GET', '/v1/me', { headers: { origin: ORIGIN } });
    expect([corsHeadersOf(asked.headers), corsHeadersOf(answer.headers)]).toEqual([[], []]);
  });

  it('answers preflights without a token, and lets pages of the named origins read', async () => {
    service = await startApp({ CORS_ORIGINS: `https://other.example, ${ORIGIN}` });
    const asked = await preflight('/v1/tracks', ORIGIN);
    expect([asked.status, await asked.text()]).toEqual([204, '']);
    expect(Object.fromEntries(asked.headers)).toMatchObject({
      'access-control-allow-origin': ORIGIN,
      'access-control-allow-methods': 'GET, HEAD, POST, DELETE',
      'access-control-allow-headers': expect.stringMatching(
        /Authorization, Content-Type, Idempotency-Key/,
      ) as string,
      'access-control-max-age': '600',
      vary: expect.stringMatching(/\bOrigin\b/) as string,
    });
    expect(asked.headers.get('access-control-allow-credentials')).toBeNull();

    for (const [path, token] of [
      ['/v1/me', undefined],
      ['/v1/me', null],
      ['/v1/tracks', undefined],
    ] as const) {
      const answer = await service.call('GET', path, {
        headers: { origin: ORIGIN },
        ...(token === undefined ? {} : { token }),
      });
      expect(answer.headers.get('access-control-allow-origin')).toBe(ORIGIN);
      expect(answer.headers.get('vary')).toMatch(/\bOrigin\b/);
      const exposed = (answer.headers.get('access-control-expose-headers') ?? '').toLowerCase().split(', ');
      for (const name of [
        'etag',
        'idempotency-replayed',
        'link',
        'location',
        'ratelimit',
        'ratelimit-policy',
        'retry-after',
        'x-request-id',
      ])
        expect(exposed).toContain(name);
    }
    // Both reasons to vary stand together.
    const read = await service.call('GET', '/v1/tracks', { headers: { origin: ORIGIN } });
    expect(read.headers.get('vary')).toMatch(/Origin, Accept, Authorization/);
  });

  it('lets no other origin in, and makes no difference to 404, 405 and Allow', async () => {
    service = await startApp({ CORS_ORIGINS: ORIGIN });
    for (const origin of [
      'https://app.example.org.evil.example',
      'http://app.example.org',
      'null',
      'https://APP.example.org',
    ]) {
      const asked = await preflight('/v1/tracks', origin);
      const answer = await service.call('GET', '/v1/me', { headers: { origin } });
      for (const { headers } of [asked, answer]) {
        expect(headers.get('access-control-allow-origin')).toBeNull();
        expect(headers.get('vary')).toMatch(/\bOrigin\b/);
      }
    }
    const bare = await service.call('OPTIONS', '/v1/tracks');
    expectProblem(bare, 'method-not-allowed', '/v1/tracks');
    expect(bare.headers.get('allow')).toBe('GET, HEAD, POST');
    expectProblem(await service.call('OPTIONS', '/nothing'), 'not-found', '/nothing');
    expectProblem(await service.call('GET', '/nothing'), 'not-found', '/nothing');
    expectProblem(await service.call('PATCH', '/v1/tracks'), 'method-not-allowed', '/v1/tracks');
  });
});

describe('proxies', () => {
  const FAILURES = 5;
  const fail = (forwardedFor?: string) =>
    service
      .call('GET', '/v1/me', {
        token: 'bad',
        headers: forwardedFor === undefined ? {} : { ...FORGED, 'x-forwarded-for': forwardedFor },
      })
      .then(({ status }) => status);

  it('A16 what an untrusted peer forges changes neither limits nor addresses in answers', async () => {
    service = await startApp({
      CLIENT_FAILURES_PER_MINUTE: String(FAILURES),
      TRUST_PROXY: '192.0.2.1, 10.0.0.0/8',
    });
    for (let at = 0; at < FAILURES; at++) expect(await fail(`203.0.113.${at}`)).toBe(401);
    expect([await fail('203.0.113.200'), await fail()]).toEqual([429, 429]);

    const headers = { ...FORGED, host: 'evil.example' };
    const made = await service.call('POST', '/v1/tracks', { json: { isrc: 'USWB10102873' }, headers });
    expect([made.status, made.headers.get('location')]).toEqual([201, '/v1/tracks/USWB10102873']);
    await service.call('POST', '/v1/tracks', { json: { isrc: 'ATN262320701' }, headers });
    const page = await service.call('GET', '/v1/tracks?limit=1', { headers });
    for (const { headers: sent, text } of [made, page]) {
      expect(JSON.stringify([...sent]) + text).not.toMatch(/evil\.example|203\.0\.113/);
    }
    expect(page.headers.get('link')).toMatch(/^<\/v1\/tracks\?/);
  });

  it('that are trusted tell whose call it is, by the last address that is not theirs', async () => {
    service = await startApp({ CLIENT_FAILURES_PER_MINUTE: String(FAILURES), TRUST_PROXY: 'loopback' });
    for (let at = 0; at < FAILURES; at++) expect(await fail('198.51.100.1')).toBe(401);
    // What stands before it was written by the caller.
    expect(await fail('203.0.113.77, 198.51.100.1')).toBe(429);
    expect(await fail('198.51.100.2')).toBe(401);
    // One customer of an IPv6 network is a /64.
    for (let at = 0; at < FAILURES; at++) expect(await fail(`2001:db8:1:2::${at}`)).toBe(401);
    expect([await fail('2001:db8:1:2:ffff::1'), await fail('2001:db8:1:3::1')]).toEqual([429, 401]);
  });
});

it('A09 cuts callers who send their header byte by byte, while others are served', async () => {
  service = await startApp();
  const { hostname, port } = new URL(service.url);
  const startedAt = Date.now();
  const cut: Promise<number>[] = [];
  const sockets: Socket[] = [];
  for (let at = 0; at < 200; at++) {
    const socket = connect(Number(port), hostname);
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.write('G');
    cut.push(
      new Promise((resolve) =>
        socket.on('close', () => {
          resolve(Date.now() - startedAt);
        }),
      ),
    );
  }
  const dripping = setInterval(() => {
    for (const socket of sockets) if (socket.writable) socket.write('E');
  }, 2_000);
  try {
    const over = Promise.all(cut);
    while (sockets.some(({ closed }) => !closed)) {
      expect((await service.call('GET', '/health/live', { token: null })).status).toBe(200);
      await sleep(200);
    }
    expect(Math.max(...(await over))).toBeLessThan(25_000); // 10 s, looked for every 2 s; the rest is for loaded machines
  } finally {
    clearInterval(dripping);
    for (const socket of sockets) socket.destroy();
  }
});
