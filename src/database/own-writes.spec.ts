import { OwnWrites } from './own-writes';

describe('OwnWrites', () => {
  it('knows a written key, and lists, for as long as told', () => {
    const own = new OwnWrites(100);
    expect(own.touch(undefined, 0)).toBe(false);
    own.note(['a', 'b'], 1000);
    own.note(['a'], 1050);
    expect([own.touch(['x', 'a'], 1150), own.touch(['b'], 1150), own.touch(['x'], 1050)]).toEqual([
      true,
      false,
      false,
    ]);
    expect([own.touch(undefined, 1150), own.touch(undefined, 1151)]).toEqual([true, false]);
    expect(own.touch(['a'], 1151)).toBe(false);
  });

  it('takes everything for written where that is said, or where too much was', () => {
    const own = new OwnWrites(100);
    own.note(undefined, 0);
    expect([own.touch(['x'], 100), own.touch(['x'], 101)]).toEqual([true, false]);
    own.note(
      Array.from({ length: 20_001 }, (_, n) => `key ${n}`),
      1000,
    );
    expect([own.touch(['x'], 1100), own.touch(['x'], 1101)]).toEqual([true, false]);
  });
});
