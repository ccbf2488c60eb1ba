import fc from 'fast-check';
import { type Isrc, requireIsrc } from '../../recording/isrc';
import { IsrcSet } from './isrc-set';
import { judgeRow } from './judged-row';

describe('judgeRow', () => {
  it('takes codes in every spelling, and the second of two as a duplicate', () => {
    const seen = new IsrcSet();
    expect(judgeRow({ line: 1, input: 'us-vt1-03-00001' }, seen)).toMatchObject({
      isrc: 'USVT10300001',
      status: 'pending',
      problem: null,
    });
    expect(judgeRow({ line: 2, input: 'ISRC USVT10300001' }, seen)).toMatchObject({
      isrc: 'USVT10300001',
      status: 'duplicate',
      problem: null,
    });
  });

  it.each(['USVT10300001, USWB10102873', 'USVT10300001;USWB10102873', 'US-VT1-03-00001 / US-WB1-01-02873', 'USVT10300001 USWB10102873', 'USVT10300001\nUSWB10102873', 'US VT1 03 00001 | US WB1 01 02873'])('says of %j that it holds several codes', (input) => {
    expect(judgeRow({ line: 1, input }, new IsrcSet())).toMatchObject({ isrc: null, status: 'invalid', problem: expect.stringMatching(/^invalid-isrc: it holds 2 codes/) as string });
  }); // prettier-ignore

  it('keeps what a database can hold of what is no code, and why', () => {
    const bad = judgeRow({ line: 1, input: `a\0b\ud800${'x'.repeat(1000)}` }, new IsrcSet());
    expect(bad.input).toMatch(/^a\ufffdb\ufffdx+…$/);
    expect(bad.input.length).toBe(501);
    expect(bad.problem).toMatch(/^invalid-isrc: /);
    expect(judgeRow({ line: 1, input: '', fault: 'why' }, new IsrcSet()).problem).toBe('invalid-isrc: why');
  });
});

it('IsrcSet is a set', () => {
  const code = fc
    .tuple(fc.stringMatching(/^[A-Z]{2}[A-Z0-9]{3}$/), fc.stringMatching(/^[0-9]{7}$/))
    .map(([a, b]) => requireIsrc(a + b));
  fc.assert(
    fc.property(fc.array(code, { maxLength: 3000 }), (codes) => {
      const ours = new IsrcSet();
      const theirs = new Set<Isrc>();
      for (const each of [...codes, ...codes]) {
        expect(ours.add(each)).toBe(!theirs.has(each));
        theirs.add(each);
      }
    }),
    { numRuns: 20 },
  );
  const many = new IsrcSet();
  let isNew = 0;
  for (let n = 0; n < 200_000; n += 1) if (many.add(`USABC${String(n).padStart(7, '0')}` as Isrc)) isNew += 1;
  expect(isNew).toBe(200_000);
});
