import fc from 'fast-check';
import { requestIdOf, traceIdOf } from './request-identity';

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';

describe('requestIdOf', () => {
  const idOf = (given?: string | string[]) =>
    requestIdOf({ headers: given === undefined ? {} : { 'x-request-id': given } });

  it.each(['a', '0', 'A.b_c-9', '---', 'f65bcdda-b19e-4854-aa97-b3fd20743743', 'x'.repeat(128)])(
    'keeps %s',
    (given) => {
      expect(idOf(given)).toBe(given);
    },
  );

  it.each([
    ['none', undefined],
    ['an empty one', ''],
    ['one too long', 'x'.repeat(129)],
    ['a space', 'a b'],
    ['a line break', 'a\nb'],
    ['a line break at the end', 'a\n'],
    ['two, as Node joins them', 'a, b'],
    ['a list', ['a']],
    ['a letter beyond ASCII', 'ä'],
    ['a full-width letter', 'ａ'],
    ['what steers a terminal', '\u001b[31m'],
    ['what begins an element', '<script>'],
  ])('replaces %s', (_, given) => {
    expect(idOf(given)).toMatch(UUID);
    expect(idOf(given)).not.toBe(idOf(given));
  });

  it('gives a well-formed id, and gives it back unchanged, for any header', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (given) => {
        const id = idOf(given);
        expect(id).toMatch(/^[A-Za-z0-9._-]{1,128}$/);
        expect(idOf(id)).toBe(id);
      }),
    );
  });
});

/** The cases of the W3C's own test suite that concern this header alone, and some more. */
describe('traceIdOf', () => {
  const traceOf = (traceparent?: string) =>
    traceIdOf({ headers: traceparent === undefined ? {} : { traceparent } });

  it.each([
    ['sampled', `00-${TRACE}-${PARENT}-01`],
    ['not sampled', `00-${TRACE}-${PARENT}-00`],
    ['flags that are not known yet', `00-${TRACE}-${PARENT}-ff`],
    ['a later version', `01-${TRACE}-${PARENT}-01`],
    ['the last version', `fe-${TRACE}-${PARENT}-01`],
    ['a later version with more fields', `cc-${TRACE}-${PARENT}-01-what-the-future-will-be-like`],
    ['a later version with an empty field', `cc-${TRACE}-${PARENT}-01-`],
  ])('reads %s', (_, header) => {
    expect(traceOf(header)).toBe(TRACE);
  });

  it.each([
    ['no header', undefined],
    ['an empty one', ''],
    ['version ff', `ff-${TRACE}-${PARENT}-01`],
    ['a version that is not hexadecimal', `.0-${TRACE}-${PARENT}-01`],
    ['a version of one digit', `0-${TRACE}-${PARENT}-01`],
    ['a version of three digits', `000-${TRACE}-${PARENT}-01`],
    ['more fields in version 00', `00-${TRACE}-${PARENT}-01-extra`],
    ['a dash at the end in version 00', `00-${TRACE}-${PARENT}-01-`],
    ['a later version that goes on without a dash', `cc-${TRACE}-${PARENT}-01.what`],
    ['a trace id of zeros', `00-${'0'.repeat(32)}-${PARENT}-01`],
    ['a parent id of zeros', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['a trace id in upper case', `00-${TRACE.toUpperCase()}-${PARENT}-01`],
    ['a parent id in upper case', `00-${TRACE}-${PARENT.toUpperCase()}-01`],
    ['a trace id that is not hexadecimal', `00-${TRACE.replace('a', 'g')}-${PARENT}-01`],
    ['a trace id that is too short', `00-${TRACE.slice(1)}-${PARENT}-01`],
    ['a trace id that is too long', `00-${TRACE}0-${PARENT}-01`],
    ['a parent id that is too short', `00-${TRACE}-${PARENT.slice(1)}-01`],
    ['a parent id that is too long', `00-${TRACE}-${PARENT}0-01`],
    ['flags of one digit', `00-${TRACE}-${PARENT}-1`],
    ['flags of three digits', `00-${TRACE}-${PARENT}-001`],
    ['flags that are not hexadecimal', `00-${TRACE}-${PARENT}-.0`],
    ['no flags', `00-${TRACE}-${PARENT}`],
    ['underscores for dashes', `00_${TRACE}_${PARENT}_01`],
    ['white space within', `00-${TRACE}- ${PARENT}-01`],
    ['two headers, as Node joins them', `00-${TRACE}-${PARENT}-01, 00-${TRACE}-${PARENT}-01`],
    ['a line break at the end', `00-${TRACE}-${PARENT}-01\n`],
    ['a header beyond all measure', `cc-${TRACE}-${PARENT}-01-${'x'.repeat(512)}`],
  ])('refuses %s', (_, header) => {
    expect(traceOf(header)).toBeNull();
  });

  it('reads the trace id of any valid header of version 00', () => {
    const hex = (length: number) =>
      fc
        .string({
          unit: fc.constantFrom(...Array.from('0123456789abcdef')),
          minLength: length,
          maxLength: length,
        })
        .filter((text) => /[^0]/.test(text));
    fc.assert(
      fc.property(hex(32), hex(16), (trace, parent) => {
        expect(traceOf(`00-${trace}-${parent}-01`)).toBe(trace);
      }),
    );
  });

  it('gives null or an id, whatever comes', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...Array.from('0af-. ')), maxLength: 80 }), (header) => {
        expect(traceOf(header) ?? TRACE).toMatch(/^[0-9a-f]{32}$/);
      }),
    );
  });
});
