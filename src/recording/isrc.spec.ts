import fc from 'fast-check';
import {
  formatIsrc,
  InvalidIsrcError,
  isIsrc,
  normaliseIsrcPrefix,
  parseIsrc,
  requireIsrc,
  type Isrc,
} from './isrc';

const CANONICAL = /^[A-Z]{2}[A-Z0-9]{3}[0-9]{7}$/;

function codeOf(text: string): string | null {
  const reading = parseIsrc(text);
  return 'isrc' in reading ? reading.isrc : null;
}

function faultOf(text: string): string {
  const reading = parseIsrc(text);
  return 'fault' in reading ? reading.fault : `none: read as ${reading.isrc}`;
}

/** Named by their escapes, since half of these texts look alike in a report. */
const named = (texts: readonly string[]): [string, string][] =>
  texts.map((text) => [
    JSON.stringify(text).replace(/[^ -~]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`),
    text,
  ]);

const CODE = 'USPR37300012';
const DASHES = [0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2015, 0x2212].map((c) => String.fromCodePoint(c));
const spelt = (separator: string) => ['US', 'PR3', '73', '00012'].join(separator);

describe('parseIsrc: the rows of the ISRC table', () => {
  it.each([
    'USPR37300012',
    'AA6Q72000047',
    'GX26J2400002',
    'FXR592300639',
    'QZES51234567',
    'ZZZZZ1234567',
    'TCABC1900000',
  ])('V01 takes %s as it is', (text) => {
    expect(parseIsrc(text)).toEqual({ isrc: text });
  });

  it.each(['uspr37300012', 'UsPr37300012'])('V02 raises the case of %s', (text) => {
    expect(codeOf(text)).toBe(CODE);
  });

  it.each(
    named([spelt('-'), spelt(' '), ` ${CODE} `, `\t${CODE}\n`, `\r\n ${spelt('-')}\t`, `\u00a0${CODE}`]),
  )('V03 takes separators and white space around: %s', (_, text) => {
    expect(codeOf(text)).toBe(CODE);
  });

  it.each(
    named([
      'ISRC US-PR3-73-00012',
      'ISRC:USPR37300012',
      'isrc uspr37300012',
      'ISRCUSPR37300012',
      'ISRC: US PR3 73 00012',
      ' Isrc : USPR37300012',
      'ISRC\u00a0USPR37300012',
    ]),
  )('V04 takes the label off %s', (_, text) => {
    expect(codeOf(text)).toBe(CODE);
  });

  it.each(named([...DASHES.map(spelt), spelt('\u00a0'), spelt('\uff0d'), spelt('\u202f')]))(
    'V05 takes any dash and any space: %s',
    (_, text) => {
      expect(codeOf(text)).toBe(CODE);
    },
  );

  it.each([
    ['USPR3730001', 11],
    ['USPR373000128', 13],
    ['USPR37300012abc', 15],
    ['USPR37300012 (live)', null],
    ['ISRC USPR3730001', 11],
    ['ISRCUSPR373000128', 13],
  ])('V06 never cuts or completes %s', (text, count) => {
    expect(faultOf(text)).toMatch(count === null ? /"\("/ : `12 letters and digits, this has ${count}`);
  });

  it.each(['12PR37300012', 'U1PR37300012', '1SPR37300012'])('V07 wants two letters first: %s', (text) => {
    expect(faultOf(text)).toMatch('first two characters must be letters');
  });

  it.each([
    ['USPR3A300012', 'A'],
    ['USPR373O0012', 'O'],
    ['USPR3I300012', 'I'],
    ['uspr37300ol2', 'O'],
    ['ISRC1234567O', 'O'],
  ])('V08 hints at letters that look like digits: %s', (text, letter) => {
    expect(faultOf(text)).toMatch(new RegExp(`letter ${letter} .*O/0 and I/1`));
  });

  it.each(['_', '.', '/'])('V09 refuses other separators: %s', (separator) => {
    expect(faultOf(spelt(separator))).toMatch(`"${separator}" is neither`);
  });

  it.each(
    named(['DUM_22832', 'N/A', 'null', 'undefined', '0', '', '  ', '-', '----', 'ISRC', 'ISRC:', 'isrc - ']),
  )('V10 refuses what stands for nothing: %s', (_, text) => {
    expect(codeOf(text)).toBeNull();
  });

  it.each(
    named([
      'ＵＳＰＲ３７３００１２',
      'ＵＳＰＲ３７３０００１２',
      'USPR3٧٣٠٠٠١٢',
      'US\u0420R37300012', // Cyrillic Er
      'UſPR37300012',
      'uſpr37300012',
      'ıSPR37300012',
      'iſrc USPR37300012',
      'ISRC：USPR37300012',
    ]),
  )('V11 refuses letters and digits beyond ASCII: %s', (_, text) => {
    expect(faultOf(text)).toMatch('is neither a letter A-Z, a digit 0-9');
  });

  it.each(
    named([
      'USPR3\u200d7300012',
      'USPR3\u200b7300012',
      'USPR3\u00007300012',
      'USPR3\ufeff7300012',
      'USPR3\u00ad7300012',
      'USPR37300012\u200b',
      'USPR37300012\u0000',
    ]),
  )('V12 refuses unseen characters inside: %s', (_, text) => {
    expect(faultOf(text)).toMatch(/^"\\u\{[0-9a-f]+\}" is neither/);
  });

  it.each(
    named([
      'USP-R37-300-012',
      'US--PR3-73-00012',
      'US- PR3-73-00012',
      '-USPR37300012',
      'USPR37300012-',
      'USPR3730-0012',
      'US - PR3 - 73 - 00012',
    ]),
  )('V13 refuses separators that are misplaced or doubled: %s', (_, text) => {
    expect(faultOf(text)).toMatch('only stand between the parts');
  });

  it.each(named(['US-PR37300012', 'USPR3-7300012', 'USPR373-00012', 'US-PR373 00012']))(
    'V13 takes some of the separators, and mixed ones: %s',
    (_, text) => {
      expect(codeOf(text)).toBe(CODE);
    },
  );

  it.each(['US\tPR3\t73\t00012', 'US\nPR3\n73\n00012'])(
    'V13 takes no tab or line break between parts',
    (text) => {
      expect(codeOf(text)).toBeNull();
    },
  );

  it.each(['XXABC2400001', 'USPR39900012', 'USPR32700012'])(
    'V14 reads nothing out of the parts: %s',
    (text) => {
      expect(codeOf(text)).toBe(text);
    },
  );

  it.each(['AA6Q72000047', 'USJMK4000001'])('V15 takes codes published as examples: %s', (text) => {
    expect(codeOf(text)).toBe(text);
  });

  it.each([';', ',', '/', ' ', '\n'])('V16 refuses two codes in one field, joined by %j', (joint) => {
    expect(codeOf(`${CODE}${joint}USPR37300013`)).toBeNull();
  });

  it.each([123456789012, null, undefined, true, {}, [CODE], Symbol(CODE)])(
    'V17 is for the edges; isIsrc tells %p from a code',
    (value) => {
      expect(isIsrc(value)).toBe(false);
    },
  );

  it.each(['U', '-', ' ', 'ſ', '\ud800', 'ISRC '])(
    'V18 refuses a megabyte of %j by its length alone',
    (unit) => {
      const text = unit.repeat(Math.ceil(1_048_576 / unit.length));
      expect(faultOf(text)).toMatch(`at most 128 characters, this has ${text.length}`);
      expect(isIsrc(text)).toBe(false);
      expect(normaliseIsrcPrefix(text)).toBeNull();
      expect(() => requireIsrc(text)).toThrow(InvalidIsrcError);
    },
  );

  it.each([
    'ISRC12345678',
    'isrc12345678',
    'IS-RC1-23-45678',
    'ISRC IS-RC1-23-45678',
    'ISRCISRC12345678',
    'ISRC1 23 45678',
  ])('leaves the Icelandic code whole: %s', (text) => {
    expect(codeOf(text)).toBe('ISRC12345678');
  });

  it('takes off one label only', () => {
    expect(codeOf('ISRC ISRC USPR37300012')).toBeNull();
  });
});

describe('parseIsrc: properties', () => {
  const letters = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZ');
  const digits = Array.from('0123456789');
  const text = (units: string[], length: number) =>
    fc
      .array(fc.constantFrom(...units), { minLength: length, maxLength: length })
      .map((found) => found.join(''));
  const code = fc
    .tuple(text(letters, 2), text([...letters, ...digits], 3), text(digits, 7))
    .map((parts) => parts.join('') as Isrc);
  const separator = fc.constantFrom('', '-', ' ', '\u00a0', ...DASHES);
  const spelling = fc
    .record({
      code,
      separators: fc.tuple(separator, separator, separator),
      label: fc.constantFrom('', 'ISRC', 'isrc ', 'ISRC:', 'Isrc : '),
      around: fc.constantFrom('', ' ', '\t', '\r\n', '\u3000'),
      lower: fc.boolean(),
    })
    .map(({ code, separators: [a, b, c], label, around, lower }) => {
      const spelt = code.slice(0, 2) + a + code.slice(2, 5) + b + code.slice(5, 7) + c + code.slice(7);
      return { code, text: around + label + (lower ? spelt.toLowerCase() : spelt) + around };
    });
  /** Texts that come near to codes, beside any text at all, lone surrogates included. */
  const anyText = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 200 }),
    fc.string({
      unit: fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
      maxLength: 40,
    }),
    fc.string({ unit: fc.constantFrom(...Array.from('ISRCisrcUO01239-: \u2010ſı')), maxLength: 24 }),
  );

  it('leaves canonical codes unchanged', () => {
    fc.assert(
      fc.property(code, (canonical) => {
        expect(isIsrc(canonical)).toBe(true);
        expect(parseIsrc(canonical)).toEqual({ isrc: canonical });
      }),
    );
  });

  it('reads back what formatIsrc wrote', () => {
    fc.assert(fc.property(code, (canonical) => codeOf(formatIsrc(canonical)) === canonical));
  });

  it('reads every accepted spelling of a code as that code', () => {
    fc.assert(fc.property(spelling, ({ code, text }) => codeOf(text) === code));
  });

  it('answers any text with a canonical code or a fault, and twice the same', () => {
    fc.assert(
      fc.property(anyText, (any) => {
        const reading = parseIsrc(any);
        if ('isrc' in reading) {
          expect(reading.isrc).toMatch(CANONICAL);
          expect(codeOf(reading.isrc)).toBe(reading.isrc);
        } else expect(reading.fault.length).toBeGreaterThan(0);
        expect(parseIsrc(any)).toEqual(reading);
      }),
      { numRuns: 2000 },
    );
  });

  it('drops no character and makes none up: the letters and digits read are those of the text', () => {
    fc.assert(
      fc.property(anyText, (any) => {
        const found = codeOf(any);
        const kept = any.replace(/[^A-Za-z0-9]/g, '').toUpperCase();
        expect(found === null || kept === found || kept === `ISRC${found}`).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it('words every refusal in printable characters, however the text looks', () => {
    fc.assert(
      fc.property(anyText, (any) => {
        fc.pre(codeOf(any) === null);
        const { message } = new InvalidIsrcError(any, faultOf(any));
        expect(message).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u); // \p{C} holds lone surrogates too
      }),
      { numRuns: 2000 },
    );
  });

  it('takes every beginning of an accepted spelling as a prefix', () => {
    fc.assert(
      fc.property(code, fc.nat({ max: 14 }), fc.boolean(), (canonical, cut, formatted) => {
        const beginning = (formatted ? formatIsrc(canonical) : canonical).slice(0, cut + 1);
        expect(normaliseIsrcPrefix(beginning)).toBe(canonical.slice(0, beginning.replaceAll('-', '').length));
      }),
    );
  });
});

describe('requireIsrc', () => {
  function errorOf(text: string, field?: string): InvalidIsrcError {
    try {
      requireIsrc(text, field);
    } catch (error) {
      if (error instanceof InvalidIsrcError) return error;
    }
    throw new Error('no InvalidIsrcError was thrown');
  }

  it('gives the canonical code', () => {
    expect(requireIsrc('us-pr3-73-00012')).toBe(CODE);
  });

  it('names the value, the rule and the field', () => {
    const error = errorOf('USPR3730001', 'isrcs[3]');
    expect(error.slug).toBe('invalid-isrc');
    expect(error.message).toBe(
      '"USPR3730001" is not an ISRC: an ISRC has 12 letters and digits, this has 11',
    );
    expect(error.fields).toEqual([
      { field: 'isrcs[3]', message: 'an ISRC has 12 letters and digits, this has 11' },
    ]);
  });

  it('cuts the value to 40 characters and splits none', () => {
    expect(errorOf('x'.repeat(40)).message).toMatch(`"${'x'.repeat(40)}" is`);
    expect(errorOf('x'.repeat(41)).message).toMatch(`"${'x'.repeat(40)}…" is`);
    expect(errorOf('😀'.repeat(1_000)).message).toMatch(`"${'😀'.repeat(40)}…" is`);
  });

  it.each([
    ['line\nbreak', '"line\\u{a}break"'],
    ['bell\u0007', '"bell\\u{7}"'],
    ['lone \ud800', '"lone \\u{d800}"'],
    ['right to left \u202e', '"right to left \\u{202e}"'],
    ['paragraph\u2029', '"paragraph\\u{2029}"'],
    ['no-break\u00a0space', '"no-break\\u{a0}space"'],
    ['quote " and \\', '"quote \\" and \\\\"'],
    ['Håkan', '"Håkan"'],
  ])('shows %j in printable characters', (text, shown) => {
    expect(errorOf(text).message).toContain(`${shown} is not an ISRC: `);
  });
});

describe('formatIsrc', () => {
  it('puts hyphens between the parts', () => {
    expect(formatIsrc(requireIsrc('USVT10300001'))).toBe('US-VT1-03-00001');
  });
});

describe('normaliseIsrcPrefix', () => {
  it.each([
    ['u', 'U'],
    ['us', 'US'],
    ['US-', 'US'],
    ['us-vt1', 'USVT1'],
    [' US VT1 0 ', 'USVT10'],
    ['US\u2010VT1\u201303\u2212', 'USVT103'],
    ['ISRC', 'ISRC'],
    ['US-VT1-03-00001', 'USVT10300001'],
  ])('reads %j', (text, prefix) => {
    expect(normaliseIsrcPrefix(text)).toBe(prefix);
  });

  it.each([
    '',
    ' ',
    '-',
    'U1',
    '1',
    'U-S',
    'US--V',
    'USVT1A',
    'USVT103000011',
    'US%',
    'US_',
    'ſ',
    'ＵＳ',
    'ISRC US',
  ])('refuses %j', (text) => {
    expect(normaliseIsrcPrefix(text)).toBeNull();
  });
});
