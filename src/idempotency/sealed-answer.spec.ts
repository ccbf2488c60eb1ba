import { callIdOf, openAnswer, sealAnswer } from './sealed-answer';

const ANSWER = {
  status: 201,
  headers: { location: '/v1/tokens/tok_1' },
  body: { token: 'dwx_secret', n: null },
};
const ID = callIdOf('api-token:a', 'POST /v1/tokens', 'key-1');

describe('sealAnswer', () => {
  it('gives the answer back to who has the key, and shows nothing of it to who has not', () => {
    const sealed = sealAnswer('key-1', ID, ANSWER);
    expect(openAnswer('key-1', ID, sealed)).toEqual(ANSWER);
    const bytes = Buffer.from(sealed, 'base64').toString('latin1');
    for (const part of ['dwx_', 'secret', 'location', 'key-1']) expect(sealed + bytes).not.toContain(part);
    expect(sealAnswer('key-1', ID, ANSWER)).not.toBe(sealed);
  });

  it('opens for no other key, for no other call, and not where a byte was changed', () => {
    const sealed = sealAnswer('key-1', ID, ANSWER);
    expect(() => openAnswer('key-2', ID, sealed)).toThrow();
    expect(() => openAnswer('key-1', callIdOf('api-token:b', 'POST /v1/tokens', 'key-1'), sealed)).toThrow();
    const bytes = Buffer.from(sealed, 'base64');
    for (const at of [0, 16, 28, 44, bytes.length - 1]) {
      const changed = Buffer.from(bytes);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      expect(() => openAnswer('key-1', ID, changed.toString('base64'))).toThrow();
    }
  });
});

describe('callIdOf', () => {
  it('tells apart whatever differs, and is no part of what it was made from', () => {
    const ids = [
      ['a', 'b', 'c'],
      ['ab', '', 'c'],
      ['a', 'bc', ''],
      ['a","b', '', 'c'],
    ].map(([caller = '', operation = '', key = '']) => callIdOf(caller, operation, key));
    expect(new Set(ids).size).toBe(4);
    expect(ids[0]).toMatch(/^[0-9a-f]{64}$/);
  });
});
