import type { FastifyRequest } from 'fastify';
import { fingerprintOf, readIdempotencyKey } from './idempotency-key';

const read = (...given: string[]) =>
  readIdempotencyKey({
    raw: { headersDistinct: given.length === 0 ? {} : { 'idempotency-key': given } },
  } as unknown as FastifyRequest);

describe('readIdempotencyKey', () => {
  it('is null without the header', () => {
    expect(read()).toBeNull();
  });

  it.each(['k', '~', '!', '"8e03978e-40d5-43dd-bc93-6894a57f9324"', 'x'.repeat(255)])('reads %s', (key) => {
    expect(read(key)).toBe(key);
  });

  it.each([
    '',
    ' ',
    'a b',
    'x'.repeat(256),
    'x'.repeat(10_000),
    'a\u0001',
    'a\t',
    'é',
    '🎵',
    'ð\u009f\u008eµ',
    '\u007f',
  ])('refuses %j', (key) => {
    expect(() => read(key)).toThrow(/^Idempotency-Key: must be given once/);
  });

  it('refuses two', () => {
    expect(() => read('a', 'a')).toThrow(/^Idempotency-Key: must be given once/);
  });
});

describe('fingerprintOf', () => {
  it('is the same for the same body, whatever the order of its keys', () => {
    expect(fingerprintOf({ a: 1, b: [{ c: null, d: 'x' }] })).toBe(
      fingerprintOf({ b: [{ d: 'x', c: null }], a: 1 }),
    );
    expect(fingerprintOf({})).toMatch(/^[0-9a-f]{64}$/);
  });

  it('differs where anything else differs', () => {
    const bodies = [
      {}, [], null, undefined, 'a', 1, '1', true, { a: 1 }, { a: '1' }, { a: null }, { a: [1] }, { a: [1, 2] }, { a: [2, 1] },
      { a: 1, b: 1 }, [{ a: 1 }, { b: 1 }], { 'a":1,"b': 1 }, ['1,2'], ['1', '2'], [[1], 2], [[1, 2]],
    ]; // prettier-ignore
    expect(new Set(bodies.map(fingerprintOf)).size).toBe(bodies.length);
  });
});
