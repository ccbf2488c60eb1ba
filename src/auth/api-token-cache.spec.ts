import { ApiTokenCache } from './api-token-cache';
import type { ApiTokensRepository } from './api-tokens.repository';
import type { ApiToken } from './entities/api-token.entity';

const row = (more: Partial<ApiToken> = {}): ApiToken => ({
  id: 'tok_1',
  name: 'n',
  tokenHash: 'hash',
  hint: 'dwx_aaaa',
  previousHash: null,
  previousUntil: null,
  scopes: ['tracks:read'],
  createdAt: new Date(0),
  expiresAt: null,
  lastUsedAt: null,
  revokedAt: null,
  ...more,
});

/** A cache over rows that a test can change, with what was asked of them. */
function setUp() {
  const rows = new Map<string, ApiToken>([['hash', row()]]);
  let version = 1;
  const findByHash = jest.fn((hash: string) => Promise.resolve(rows.get(hash) ?? null));
  const readVersion = jest.fn(() => Promise.resolve(version));
  const cache = new ApiTokenCache({ findByHash, readVersion } as unknown as ApiTokensRepository);
  return { cache, rows, findByHash, readVersion, bump: () => (version += 1) };
}

let now: jest.SpyInstance;
let nowMs = 1_000_000;
beforeEach(() => {
  now = jest.spyOn(performance, 'now').mockImplementation(() => nowMs);
});
afterEach(() => {
  now.mockRestore();
});

it('looks once for a token that is in use, and once for all who come together', async () => {
  const { cache, findByHash, readVersion } = setUp();
  const found = await Promise.all(Array.from({ length: 50 }, () => cache.find('text of hash', 'hash')));
  expect(new Set(found.map((each) => each?.caller.subject))).toEqual(new Set(['tok_1']));
  for (let call = 0; call < 100; call++) await cache.find('text of hash', 'hash');
  expect([findByHash.mock.calls.length, readVersion.mock.calls.length]).toEqual([1, 1]);
});

it('looks anew after a change here, at once, and after one elsewhere, within three seconds', async () => {
  const { cache, rows, bump } = setUp();
  expect(await cache.find('text of hash', 'hash')).not.toBeNull();
  rows.set('hash', row({ revokedAt: new Date() }));
  bump();
  nowMs += 1_000;
  expect(await cache.find('text of hash', 'hash')).not.toBeNull();
  nowMs += 2_000;
  expect(await cache.find('text of hash', 'hash')).toBeNull();
  rows.set('hash', row());
  cache.tokenChanged();
  expect(await cache.find('text of hash', 'hash')).not.toBeNull();
});

it('does not keep what was on its way when the change was made', async () => {
  const { cache, rows, findByHash } = setUp();
  await cache.find('text of other', 'other'); // the version is known
  let arrive: (row: ApiToken) => void = () => undefined;
  findByHash.mockImplementationOnce(() => new Promise((resolve) => (arrive = resolve)));
  const early = cache.find('text of hash', 'hash');
  await Promise.resolve();
  rows.delete('hash');
  cache.tokenChanged();
  arrive(row());
  expect(await early).not.toBeNull(); // it asked before the change
  expect(await cache.find('text of hash', 'hash')).toBeNull();
});

it('knows a token in use by its text, and forgets it with all others', async () => {
  const { cache, rows } = setUp();
  expect(cache.recall('text of hash')).toBeNull();
  await cache.find('text of hash', 'hash');
  await cache.find('text of hash', 'hash');
  expect(cache.recall('text of hash')?.caller.subject).toBe(
    (await cache.find('text of hash', 'hash'))?.caller.subject,
  );
  expect(cache.recall('hash')).toBeNull();
  rows.delete('hash');
  cache.tokenChanged();
  expect(cache.recall('text of hash')).toBeNull();
  expect(await cache.find('text of hash', 'hash')).toBeNull();
  expect(cache.recall('text of hash')).toBeNull();
});

it('remembers fakes apart: a flood of them costs no token its place', async () => {
  const { cache, findByHash } = setUp();
  await cache.find('text of hash', 'hash');
  for (let fake = 0; fake < 12_000; fake++)
    expect(await cache.find(`fake-${fake}`, `fake-${fake}`)).toBeNull();
  findByHash.mockClear();
  await cache.find('text of hash', 'hash');
  await cache.find('fake-11999', 'fake-11999');
  expect(findByHash).not.toHaveBeenCalled();
  await cache.find('fake-0', 'fake-0');
  expect(findByHash).toHaveBeenCalledTimes(1);
});

it('tells of a text that was rotated away when it ends: with the overlap, or with the token', async () => {
  const { cache, rows } = setUp();
  const [sooner, later] = [new Date(1_000), new Date(2_000)];
  const ends = async (more: Partial<ApiToken>) => {
    rows.set('old', row({ previousHash: 'old', ...more }));
    cache.tokenChanged();
    return (await cache.find('text of old', 'old'))?.caller.expiresAt;
  };
  expect(await ends({ previousUntil: sooner })).toEqual(sooner);
  expect(await ends({ previousUntil: sooner, expiresAt: later })).toEqual(sooner);
  expect(await ends({ previousUntil: later, expiresAt: sooner })).toEqual(sooner);
});

it('asks again after a failure', async () => {
  const { cache, findByHash } = setUp();
  findByHash.mockRejectedValueOnce(new Error('gone'));
  await expect(cache.find('text of hash', 'hash')).rejects.toThrow('gone');
  expect(await cache.find('text of hash', 'hash')).not.toBeNull();
});
