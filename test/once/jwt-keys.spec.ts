import { Logger } from '@nestjs/common';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { KEYS_COOLDOWN_MS, KEYS_KEPT_MS } from '../../src/auth/jwt-keys';
import { forge, makeKey, type ProviderKey } from '../fakes/oidc/key-server';
import { createJwtWorld, type JwtWorld } from '../support/jwt-world';

/* The keys of the identity provider: how often they are asked for, how long they are good, and where they may come from. */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

Logger.overrideLogger(false);

let world: JwtWorld;
let key: ProviderKey;
let token: string;

async function build(...args: Parameters<typeof createJwtWorld>): Promise<void> {
  world = await createJwtWorld(...args);
  key = await world.provider.addKey();
  // Of a day and a half: the tests let hours pass.
  token = await world.provider.token(key, { exp: Math.floor(Date.now() / 1000) + 36 * 3600 });
}

afterEach(() => world.provider.stop());

/** Tokens that name keys which the provider does not have. */
const strangers = (count: number): string[] =>
  Array.from({ length: count }, (_, at) =>
    forge({ alg: 'RS256', typ: 'at+jwt', kid: `stranger-${at}` }, { sub: 'x' }, 'c2lnbmF0dXJl'),
  );

describe('when keys are asked for', () => {
  beforeEach(() => build());

  it('not before a token comes, and once for all who come together', async () => {
    expect(world.provider.asked).toEqual([]);
    const tokens = await Promise.all(
      Array.from({ length: 20 }, (_, at) => world.provider.token(key, { jti: String(at) })),
    );
    expect(await Promise.all(tokens.map(world.accepts))).toEqual(tokens.map(() => true));
    expect(world.provider.asked).toEqual(['/keys']);
  });

  it('S09 10,000 unknown key ids cost one fetch in a cooldown, and a good token is served meanwhile', async () => {
    expect(await world.accepts(token)).toBe(true);
    for (let round = 1; round <= 3; round++) {
      world.wait(KEYS_COOLDOWN_MS);
      const flood = strangers(10_000).map(world.accepts);
      expect(await world.accepts(token)).toBe(true);
      expect(await world.accepts(await world.provider.token(key, { jti: String(round) }))).toBe(true);
      expect((await Promise.all(flood)).includes(true)).toBe(false);
      expect(world.provider.fetches).toBe(1 + round);
    }
  });

  it('S09 the same while the provider fails', async () => {
    expect(await world.accepts(token)).toBe(true);
    world.provider.handler = (_, response) => response.writeHead(500).end();
    world.wait(KEYS_COOLDOWN_MS);
    await Promise.all(strangers(1000).map(world.accepts));
    await Promise.all(strangers(1000).map(world.accepts));
    expect(world.provider.fetches).toBe(2);
    expect(await world.accepts(token)).toBe(true);
  });

  it('S09 a key id that no key can have costs no fetch at all', async () => {
    expect(await world.accepts(token)).toBe(true);
    world.wait(KEYS_COOLDOWN_MS);
    for (const kid of ['x'.repeat(10_240), 'x'.repeat(257), '', 'a b', 'a\nb', 'ключ', 7, null, ['x'], {}]) {
      expect(await world.accepts(forge({ alg: 'RS256', typ: 'at+jwt', kid }, {}, 'AAAA'))).toBe(false);
    }
    expect(world.provider.fetches).toBe(1);
  });
});

describe('S10 how long keys are good', () => {
  beforeEach(() => build());

  it('a new key is accepted within a minute', async () => {
    expect(await world.accepts(token)).toBe(true);
    const next = await world.provider.addKey();
    const early = await world.provider.token(next);
    expect(await world.accepts(early)).toBe(false);
    world.wait(MINUTE);
    expect(await world.accepts(early)).toBe(true);
    expect(await world.accepts(token)).toBe(true);
  });

  it.each([
    ['under the name of the old one', true],
    ['without names', false],
  ])(
    'S10 a new key %s is accepted within a minute, and costs one fetch in a cooldown',
    async (_, isNamed) => {
      const header = isNamed ? {} : { kid: undefined };
      const publish = async () => {
        const made = await makeKey('RS256', key.kid);
        if (!isNamed) delete made.jwk.kid;
        world.provider.keys.splice(0, 1, made);
        return made;
      };
      const tokenBy = async (by: ProviderKey) =>
        world.provider.token(by, { jti: String(Math.random()) }, header);
      const old = await publish();
      expect(await world.accepts(await tokenBy(old))).toBe(true);
      const late = await tokenBy(old);
      const next = await publish();
      expect(await world.accepts(await tokenBy(next))).toBe(false);
      world.wait(MINUTE);
      expect(await world.accepts(await tokenBy(next))).toBe(true);
      expect(await world.accepts(late)).toBe(false);
      const before = world.provider.fetches;
      world.wait(KEYS_COOLDOWN_MS);
      const bad = await Promise.all(Array.from({ length: 50 }, () => tokenBy(old)));
      expect((await Promise.all(bad.map(world.accepts))).includes(true)).toBe(false);
      expect(await world.accepts(await tokenBy(next))).toBe(true);
      expect(world.provider.fetches).toBe(before + 1);
    },
  );

  it('a removed key is refused within ten minutes, for tokens that were accepted before too', async () => {
    expect(await world.accepts(token)).toBe(true);
    await world.provider.addKey();
    world.provider.keys.shift();
    world.wait(10 * MINUTE);
    expect(await world.accepts(token)).toBe(false);
  });

  it('a removed key is refused by the first call after a quiet time, even after an outage', async () => {
    expect(await world.accepts(token)).toBe(true);
    await world.provider.stop();
    world.wait(HOUR);
    expect(await world.accepts(token)).toBe(true);
    await world.provider.start();
    await world.provider.addKey();
    world.provider.keys.shift();
    world.wait(HOUR);
    expect(await world.accepts(token)).toBe(false);
  });

  it.each([
    ['no keys', { keys: [] }],
    [
      'none of use',
      {
        keys: [
          { kty: 'oct', k: 'AAAA' },
          { kty: 'EC', crv: 'P-384' },
        ],
      },
    ],
  ])('a list with %s takes none back until they are too old, and health says so', async (_, document) => {
    expect(await world.accepts(token)).toBe(true);
    world.provider.handler = (_request, response) => response.end(JSON.stringify(document));
    world.wait(10 * MINUTE);
    expect(await world.accepts(token)).toBe(true);
    expect(await world.accepts(await world.provider.token(key, { jti: 'another' }))).toBe(true);
    expect(world.keys.report()).toMatchObject({
      ...{ state: 'degraded', keys: 1 },
      lastFailure: { message: 'it publishes no key of use any more' },
    });
    world.wait(KEYS_KEPT_MS);
    expect(await world.accepts(token)).toBe(false);
    expect(world.keys.report()).toMatchObject({ state: 'degraded', keys: 0 });
  });

  it('two keys that a token without a name can mean are both tried, and a stranger is not let in', async () => {
    const second = await world.provider.addKey();
    for (const each of [key, second]) {
      expect(await world.accepts(await world.provider.token(each, {}, { kid: undefined }))).toBe(true);
    }
    expect(await world.accepts(await world.provider.token(await makeKey(), {}, { kid: undefined }))).toBe(
      false,
    );
  });

  it('two keys of one name are both tried', async () => {
    const second = await world.provider.addKey('RS256', key.kid);
    for (const each of [key, second])
      expect(await world.accepts(await world.provider.token(each))).toBe(true);
  });

  it('another key under the name of a removed one is another key', async () => {
    expect(await world.accepts(token)).toBe(true);
    world.provider.keys[0] = await makeKey('RS256', key.kid);
    world.wait(10 * MINUTE);
    expect(await world.accepts(token)).toBe(false);
    expect(await world.accepts(await world.provider.token(world.provider.keys[0]))).toBe(true);
  });

  it('keys that stay keep their tokens good without another check of the signature', async () => {
    expect(await world.accepts(token)).toBe(true);
    const first = await world.verifier.authenticate(token);
    world.wait(10 * MINUTE);
    expect(await world.verifier.authenticate(token)).toBe(first);
    expect(world.provider.fetches).toBe(2);
  });

  it('the provider down for an hour: cached keys serve, health tells, one try in a cooldown, then it is well', async () => {
    expect(await world.accepts(token)).toBe(true);
    expect(world.keys.report()).toMatchObject({ state: 'ok', keys: 1, keysAgeSeconds: 0, lastFailure: null });
    world.provider.handler = (_, response) => response.writeHead(503).end();
    const before = world.provider.fetches;
    for (let minute = 0; minute < 60; minute++) {
      world.wait(MINUTE);
      expect(await world.accepts(token)).toBe(true);
      expect(await world.accepts(await world.provider.token(key, { jti: String(minute) }))).toBe(true);
      await world.keys.refresh();
    }
    expect(world.provider.fetches - before).toBeLessThanOrEqual(60);
    const report = world.keys.report();
    expect(report).toMatchObject({ state: 'degraded', keys: 1, lastFailure: { message: 'answered 503' } });
    expect(report.keysAgeSeconds).toBeGreaterThanOrEqual(3600);
    world.provider.handler = null;
    world.wait(MINUTE);
    await world.keys.refresh();
    expect(world.keys.report()).toMatchObject({ state: 'ok', keysAgeSeconds: 0 });
    expect(await world.accepts(token)).toBe(true);
  });

  it('after a day of outage they are not', async () => {
    expect(await world.accepts(token)).toBe(true);
    await world.provider.stop();
    world.wait(KEYS_KEPT_MS - MINUTE);
    expect(await world.accepts(token)).toBe(true);
    world.wait(MINUTE);
    await expect(world.accepts(token)).rejects.toMatchObject({
      slug: 'identity-provider-unavailable',
      retryAfterSeconds: 5,
    });
    await world.provider.start();
    world.wait(5_000);
    expect(await world.accepts(token)).toBe(true);
  });

  it('without any keys yet nobody can tell, and the provider is asked every five seconds at most', async () => {
    await world.provider.stop();
    for (let call = 0; call < 10; call++) {
      await expect(world.accepts(token)).rejects.toMatchObject({ slug: 'identity-provider-unavailable' });
    }
    // What is wrong by itself is wrong without keys too.
    expect(await world.accepts(forge({ alg: 'none', typ: 'at+jwt' }, {}, 'AAAA'))).toBe(false);
    await world.provider.start();
    await expect(world.accepts(token)).rejects.toMatchObject({ slug: 'identity-provider-unavailable' });
    expect(world.provider.asked).toEqual([]);
    world.wait(5_000);
    expect(await world.accepts(token)).toBe(true);
  });

  it('a clock set back stops nothing', async () => {
    expect(await world.accepts(token)).toBe(true);
    world.wait(-20 * MINUTE);
    const { iat, exp } = {
      iat: Math.floor(Date.now() / 1000) - 7200,
      exp: Math.floor(Date.now() / 1000) + 7200,
    };
    expect(await world.accepts(await world.provider.token(key, { iat, exp }))).toBe(true);
    const next = await world.provider.addKey();
    world.wait(MINUTE);
    expect(await world.accepts(await world.provider.token(next, { iat, exp }))).toBe(true);
  });
});

describe('answers that are no keys', () => {
  beforeEach(() => build({}, { timeoutMs: 500 }));

  it.each<[string, RegExp, string | null, number?]>([
    [
      'a body of more than 64 KiB',
      /sent more than 65536 bytes/,
      JSON.stringify({ keys: [], x: 'x'.repeat(70_000) }),
    ],
    ['a page', /sent no JSON/, '<html>'],
    ['JSON of another form', /no list of keys/, '{"kees":[]}'],
    ['a list', /no list of keys/, '[]'],
    ['an error', /answered 404/, '{"keys":[]}', 404],
    ['a success without a body', /answered 204/, '', 204],
    ['silence', /did not answer within 500 ms/, null],
  ])('%s counts as an outage', async (_, message, body, status = 200) => {
    expect(await world.accepts(token)).toBe(true);
    world.provider.handler = (_request, response) => {
      if (body !== null) response.writeHead(status).end(body);
    };
    world.wait(10 * MINUTE);
    expect(await world.accepts(token)).toBe(true);
    expect(world.keys.report().lastFailure?.message).toMatch(message);
    expect(world.keys.report().state).toBe('degraded');
  });

  it('a body without end is cut, and so is one that drips', async () => {
    let sent = 0;
    world.provider.handler = (_, response) => {
      response.writeHead(200);
      const timer = setInterval(() => {
        sent += 16_384;
        response.write('x'.repeat(16_384));
      }, 1);
      response.once('close', () => {
        clearInterval(timer);
      });
    };
    await world.keys.refresh();
    expect(world.keys.report().lastFailure?.message).toMatch(/sent more than 65536 bytes|did not answer/);
    expect(sent).toBeLessThan(10_000_000);

    world.wait(MINUTE);
    world.provider.handler = (_, response) => {
      response.writeHead(200);
      const timer = setInterval(() => response.write(' '), 20);
      response.once('close', () => {
        clearInterval(timer);
      });
    };
    await world.keys.refresh();
    expect(world.keys.report().lastFailure?.message).toMatch(/did not answer within 500 ms/);
  });
});

describe('discovery', () => {
  beforeEach(() => build({ jwksUrl: null }));

  it('tells where the keys are, and is asked again only when that fails or an hour is over', async () => {
    expect(await world.accepts(token)).toBe(true);
    expect(world.provider.asked).toEqual(['/.well-known/openid-configuration', '/keys']);
    world.wait(10 * MINUTE);
    expect(await world.accepts(token)).toBe(true);
    expect(world.provider.asked).toHaveLength(3);
    world.wait(HOUR);
    expect(await world.accepts(token)).toBe(true);
    expect(world.provider.asked).toHaveLength(5);
  });

  it.each([
    ['of another issuer', { issuer: 'https://evil.example' }, /another issuer/],
    ['of the issuer with a slash', { issuer: 'http://127.0.0.1/' }, /another issuer/],
    ['without keys', { jwks_uri: undefined }, /lacks issuer or jwks_uri/],
    ['with keys that are no address', { jwks_uri: 'keys' }, /neither on https/],
  ])('a document %s is refused', async (_, members, message) => {
    world.provider.discovery = members;
    await expect(world.accepts(token)).rejects.toMatchObject({ slug: 'identity-provider-unavailable' });
    expect(world.keys.report().lastFailure?.message).toMatch(message);
    expect(world.provider.fetches).toBe(0);
  });

  it('S16 keys elsewhere inside are refused, and not a packet goes there', async () => {
    let connections = 0;
    const victim = createServer((socket) => {
      connections++;
      socket.destroy();
    });
    await new Promise<void>((resolve) => victim.listen(0, '127.0.0.1', resolve));
    const { port } = victim.address() as AddressInfo;
    const targets = [
      `http://127.0.0.1:${port}/keys`,
      `https://127.0.0.1:${port}/keys`,
      `https://localhost:${port}/keys`,
      `https://2130706433:${port}/keys`,
      `https://0x7f000001:${port}/keys`,
      `https://0177.0.0.1:${port}/keys`,
      `https://127.1:${port}/keys`,
      `https://[::1]:${port}/keys`,
      `https://[::ffff:127.0.0.1]:${port}/keys`,
      `https://[::ffff:7f00:1]:${port}/keys`,
      `https://0.0.0.0:${port}/keys`,
      `https://10.0.0.1:${port}/keys`,
      'https://169.254.169.254/latest/meta-data',
      'http://169.254.169.254/latest/meta-data',
      'file:///etc/passwd',
      'gopher://127.0.0.1/',
      'data:application/json,{"keys":[]}',
      `https://user:password@127.0.0.1:${port}/`,
    ];
    for (const target of targets) {
      world.provider.discovery = { jwks_uri: target };
      world.wait(MINUTE);
      await expect(world.accepts(token)).rejects.toMatchObject({ slug: 'identity-provider-unavailable' });
      expect([target, world.keys.report().lastFailure?.message]).toEqual([
        target,
        expect.stringMatching(/neither on https|may not be called/),
      ]);
    }
    expect(connections).toBe(0);
    await new Promise((resolve) => victim.close(resolve));
  });

  it('S16 a redirect is not followed', async () => {
    let followed = 0;
    world.provider.handler = (request, response) => {
      if (request.url === '/elsewhere') followed++;
      response.writeHead(302, { location: `${world.provider.issuer}/elsewhere` }).end();
    };
    await expect(world.accepts(token)).rejects.toMatchObject({ slug: 'identity-provider-unavailable' });
    expect(world.keys.report().lastFailure?.message).toBe('answered 302');
    expect(followed).toBe(0);
  });
});

it('S16 a name that turns inward between two look-ups is refused as it is connected to', async () => {
  // Under .localhost, so that the network guard of the tests leaves it to the check under test.
  const answers = [
    [
      { address: '93.184.215.14', family: 4 },
      { address: '127.0.0.1', family: 4 },
    ],
    [{ address: 'fe80::1', family: 6 }],
    [{ address: '::ffff:10.0.0.1', family: 6 }],
    [],
  ];
  let asked = 0;
  const lookup = (_name: string, _options: object, done: (error: null, found: object[]) => void) => {
    done(null, answers[asked++] ?? []);
  };
  await build({ jwksUrl: null }, { lookup: lookup as never });
  world.provider.discovery = { jwks_uri: 'https://keys.localhost/keys' };
  for (const _ of answers) {
    await expect(world.accepts(token)).rejects.toMatchObject({ slug: 'identity-provider-unavailable' });
    expect(world.keys.report().lastFailure?.message).toMatch(/may not be called/);
    world.wait(MINUTE);
  }
  expect(asked).toBe(answers.length);
});

it('S16 a JWKS address of the operator is not followed to where no provider is', async () => {
  await build({ jwksUrl: 'https://169.254.169.254/keys' });
  await expect(world.accepts(token)).rejects.toMatchObject({ slug: 'identity-provider-unavailable' });
  expect(world.keys.report().lastFailure?.message).toMatch(/may not be called/);
});
