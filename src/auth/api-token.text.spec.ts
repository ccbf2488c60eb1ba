import fc from 'fast-check';
import { claimsToBeOurs, hashToken, hintOf, isTokenText, makeTokenText } from './api-token.text';

/** Issued by this code once. Tokens in use must stay good: whoever breaks this test breaks them. */
const ISSUED = 'dwx_ERHcPKn8tqAVIcHZME5NgPu2jxz2weBS0vSI8F';
const ALPHABET = Array.from('0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz');
const PREFIX_LENGTH = 4;

const replaceAt = (text: string, at: number, put: string) => text.slice(0, at) + put + text.slice(at + 1);

describe('makeTokenText', () => {
  const texts = Array.from({ length: 500 }, makeTokenText);

  it('makes texts of one form that pass their own check', () => {
    for (const text of texts) {
      expect(text).toMatch(/^dwx_[0-9A-Za-z]{38}$/);
      expect(isTokenText(text)).toBe(true);
    }
  });

  it('never makes the same twice', () => {
    expect(new Set(texts).size).toBe(texts.length);
  });

  it('has at least 160 random bits, the hint not counted', () => {
    const randomCharacters = ISSUED.length - PREFIX_LENGTH - 6;
    const shown = hintOf(ISSUED).length - PREFIX_LENGTH;
    expect(Math.log2(ALPHABET.length) * (randomCharacters - shown)).toBeGreaterThanOrEqual(160);
  });

  it('uses every character of the alphabet at every random place', () => {
    const many = Array.from({ length: 2000 }, makeTokenText);
    for (let at = PREFIX_LENGTH; at < PREFIX_LENGTH + 32; at++) {
      // The chance that one of 62 fails to turn up in 2000 draws is below 1e-12.
      expect(new Set(many.map((text) => text[at])).size).toBe(ALPHABET.length);
    }
  });
});

describe('isTokenText', () => {
  it('knows a token issued before', () => {
    expect(isTokenText(ISSUED)).toBe(true);
  });

  it('catches every change of one character', () => {
    const unnoticed: string[] = [];
    for (let at = 0; at < ISSUED.length; at++) {
      for (const put of ALPHABET) {
        const changed = replaceAt(ISSUED, at, put);
        if (changed !== ISSUED && isTokenText(changed)) unnoticed.push(changed);
      }
    }
    expect(unnoticed).toEqual([]);
  });

  it('catches every swap of two characters, neighbours and others', () => {
    const unnoticed: string[] = [];
    for (let at = 0; at < ISSUED.length; at++) {
      for (let other = at + 1; other < ISSUED.length; other++) {
        const [left = '', right = ''] = [ISSUED[at], ISSUED[other]];
        const swapped = replaceAt(replaceAt(ISSUED, at, right), other, left);
        if (swapped !== ISSUED && isTokenText(swapped)) unnoticed.push(swapped);
      }
    }
    expect(unnoticed).toEqual([]);
  });

  it('catches every lost and every doubled character', () => {
    for (let at = 0; at < ISSUED.length; at++) {
      expect(isTokenText(replaceAt(ISSUED, at, ''))).toBe(false);
      expect(isTokenText(replaceAt(ISSUED, at, (ISSUED[at] ?? '').repeat(2)))).toBe(false);
    }
  });

  it('takes nothing for granted around a token', () => {
    for (const text of [`${ISSUED}\n`, ` ${ISSUED}`, `${ISSUED} `, ISSUED + ISSUED, ISSUED.toUpperCase(), ''])
      expect(isTokenText(text)).toBe(false);
  });

  it('refuses fakes of the right form', () => {
    const fake = fc.string({ unit: fc.constantFrom(...ALPHABET), minLength: 38, maxLength: 38 });
    fc.assert(
      fc.property(fake, (text) => {
        expect(isTokenText(`dwx_${text}`)).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('claimsToBeOurs', () => {
  it('goes by the prefix, in its own case', () => {
    expect([ISSUED, 'dwx_', 'dwx_x'].map(claimsToBeOurs)).toEqual([true, true, true]);
    expect(['DWX_x', ' dwx_', 'dwx', ''].map(claimsToBeOurs)).toEqual([false, false, false, false]);
  });
});

describe('hintOf', () => {
  it('shows the prefix and four characters of a token made here', () => {
    expect(hintOf(ISSUED)).toBe('dwx_ERHc');
  });

  it('shows two characters of a text made elsewhere, and of a mistyped one', () => {
    expect(hintOf('correct-horse-battery-staple-0001')).toBe('co…');
    expect(hintOf(replaceAt(ISSUED, 10, '_'))).toBe('dw…');
  });

  it('fits its column', () => {
    for (const text of [ISSUED, 'x'.repeat(200)]) expect(hintOf(text).length).toBeLessThanOrEqual(12);
  });
});

describe('hashToken', () => {
  it('is SHA-256 in hexadecimal', () => {
    expect(hashToken('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
    expect(hashToken(ISSUED)).toMatch(/^[0-9a-f]{64}$/);
  });
});
