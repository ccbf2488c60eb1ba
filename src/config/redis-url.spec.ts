import { parseRedisUrl } from './redis-url';

describe('parseRedisUrl', () => {
  it.each([
    ['redis://localhost', { host: 'localhost', port: 6379 }],
    ['redis://127.0.0.1:6380/', { host: '127.0.0.1', port: 6380 }],
    ['redis://[::1]:6380/7', { host: '::1', port: 6380, database: 7 }],
    ['redis://:p%40ss@h', { host: 'h', password: 'p@ss' }],
    [
      'rediss://me:secret@h:1/15',
      { host: 'h', port: 1, user: 'me', password: 'secret', database: 15, hasTls: true },
    ],
  ])('reads %s', (text, expected) => {
    const rest = { port: 6379, user: null, password: null, database: 0, hasTls: false };
    expect(parseRedisUrl(text)).toEqual({ address: { ...rest, ...expected } });
  });

  it.each([
    'localhost:6379',
    'http://h',
    'redis://',
    'redis:///0',
    'redis://h/one',
    'redis://h/1/2',
    'redis://h/-1',
    'redis://h?db=2',
    'redis://h#x',
    'redis://h:99999',
    'redis://us er@h',
    'redis://user@h',
    'redis://:%ZZ@h',
  ])('refuses %s, and does not repeat it', (text) => {
    expect(parseRedisUrl(text)).toEqual({
      fault: 'must be redis:// or rediss:// with a host and at most user, password, port and database number',
    });
  });
});
