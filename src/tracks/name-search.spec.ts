import fc from 'fast-check';
import {
  afterPrefix,
  endingsOf,
  endingStarts,
  gramsOf,
  hasWords,
  markStarts,
  normaliseName,
  parseNameQuery,
  unmark,
} from './name-search';

/** Names as they come: of many scripts, with marks, blanks and signs. */
const letters = fc.constantFrom(
  ...Array.from(
    'abzABZéÉßẞæØłıİſςΣσЁйЙñﬁＡｂ１がカｶﾞ宇한ไทยक्षあ-/\'"’.()&%_^\\$!🎵👩‍👧 \t\u00a0\u3000\u0301\u0308\u200b',
  ),
);
const name = fc.oneof(
  fc.string({ unit: letters, minLength: 1, maxLength: 30 }),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 30 }),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 30 }),
);

/** What the database checks: every pattern within the marked name. */
function finds(query: string, stored: string): boolean {
  const parsed = parseNameQuery(query);
  return parsed !== null && hasWords(markStarts(normaliseName(stored)), parsed.words);
}

const isWellFormed = (text: string) => Buffer.from(text).toString() === text;

describe('normaliseName', () => {
  it.each([
    ['Beyoncé', 'beyonce'],
    ['BEYONCE\u0301', 'beyonce'],
    ['Sigur Rós', 'sigur ros'],
    ['Ágætis  byrjun', 'agaetis byrjun'],
    ['STRASSE', 'strasse'],
    ['Straße', 'strasse'],
    ['Ｗｉｄｅ１', 'wide1'],
    ['ｶﾞｷﾞ', 'ガギ'],
    ['Mötley Crüe', 'motley crue'],
    ['Łódź', 'lodz'],
    ['İstanbul', 'istanbul'],
    ['Ёлка', 'елка'],
    ['Σίσυφος', 'σισυφοσ'],
    ['ﬁnal', 'final'],
    ['  a \t\u3000 b  ', 'a b'],
    ['Don’t', "don't"],
    ['が', 'が'],
    ['', ''],
    [' \u200b ', ''],
  ])('%j is searched as %j', (given, expected) => {
    expect(normaliseName(given)).toBe(expected);
  });

  it('changes nothing more the second time', () => {
    fc.assert(
      fc.property(name, (text) => {
        expect(normaliseName(normaliseName(text))).toBe(normaliseName(text));
      }),
      { numRuns: 2000 },
    );
  });

  it('does not tell apart what differs in case or composition alone', () => {
    fc.assert(
      fc.property(name, (text) => {
        expect(normaliseName(text.normalize('NFD'))).toBe(normaliseName(text.normalize('NFC')));
      }),
      { numRuns: 2000 },
    );
  });

  it('fits its column, however long and strange the name', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 700 }), (text) => {
        const normalised = normaliseName(text);
        expect(Array.from(normalised).length).toBeLessThanOrEqual(500);
        expect(normalised).toBe(normalised.trim());
        expect(isWellFormed(normalised)).toBe(true);
      }),
    );
  });
});

describe('what finds a name', () => {
  it('is the name itself, and each of its words', () => {
    fc.assert(
      fc.property(name, (text) => {
        fc.pre(normaliseName(text) !== '');
        expect(finds(text, text)).toBe(true);
        for (const word of normaliseName(text).split(' ')) expect(finds(word, text)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it('is every part of a word from three characters on', () => {
    fc.assert(
      fc.property(name, fc.nat(40), fc.integer({ min: 3, max: 10 }), (text, at, length) => {
        for (const word of normaliseName(text).split(' ')) {
          const part = Array.from(word)
            .slice(at, at + length)
            .join('');
          // A part can begin with a mark that belongs to the letter before: alone it is another text.
          if (Array.from(part).length < 3 || normaliseName(part) !== part) continue;
          expect(finds(part, text)).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('is every beginning of a word', () => {
    fc.assert(
      fc.property(name, (text) => {
        for (const word of normaliseName(text).split(' ')) {
          const characters = Array.from(word);
          for (let length = 1; length <= Math.min(characters.length, 5); length++) {
            const start = characters.slice(0, length).join('');
            if (normaliseName(start) === start) expect(finds(start, text)).toBe(true);
          }
        }
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    ['eatles', 'The Beatles', true],
    ['BEATLES the', 'The Beatles', true],
    ['be', 'The Beatles', true],
    ['ea', 'The Beatles', false],
    ['he be', 'The Beatles', false],
    ['beatlesx', 'The Beatles', false],
    ['dc', 'AC/DC', true],
    ['ac/dc', 'AC/DC', true],
    ['c/d', 'AC/DC', true],
    ['live', 'Song (Live)', true],
    ['ヒカル', '宇多田ヒカル', true],
    ['多田', '宇多田ヒカル', true],
    ['カル', '宇多田ヒカル', true],
    ['宇', '宇多田ヒカル', true],
    ['田', '宇多田ヒカル', false],
    ['%', '100%', true],
    ['%', 'Hundred', false],
    ['_', 'a_b', true],
    ['_', 'ab', false],
    ['^', 'Ok', false],
  ])('%j in %j: %s', (query, stored, isFound) => {
    expect(finds(query, stored)).toBe(isFound);
  });

  it('is nothing that has no character to look for', () => {
    for (const query of ['', ' ', '\t\n', '\u200b', '\u0301']) expect(parseNameQuery(query)).toBeNull();
  });
});

describe('grams', () => {
  it('fit their column and are each there once', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        const grams = gramsOf(normaliseName(text));
        expect(new Set(grams).size).toBe(grams.length);
        for (const gram of grams) {
          expect(Array.from(gram).length).toBeLessThanOrEqual(3);
          expect(isWellFormed(gram)).toBe(true);
          expect(gram).not.toMatch(/\s$|\0/);
        }
      }),
    );
  });

  it('lead to every name that a query finds, by each of its words', () => {
    fc.assert(
      fc.property(name, name, (query, stored) => {
        const marked = markStarts(normaliseName(stored));
        const grams = new Set(gramsOf(normaliseName(stored)));
        for (const { pattern, grams: needed, isGram } of parseNameQuery(query)?.words ?? []) {
          const isFound = marked.includes(pattern);
          const hasGrams = needed.every((gram) => grams.has(gram));
          if (isFound) expect(hasGrams).toBe(true);
          // A short word is decided by its gram alone.
          if (isGram) expect(isFound).toBe(hasGrams);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('are few for the longest query that is accepted', () => {
    fc.assert(
      fc.property(fc.string({ unit: letters, minLength: 1, maxLength: 200 }), (query) => {
        for (const { grams } of parseNameQuery(query)?.words ?? []) {
          expect(grams.length).toBeGreaterThan(0);
          expect(grams.length).toBeLessThanOrEqual(6);
        }
      }),
    );
  });
});

describe('endings', () => {
  it('are those that a query word can begin with, and no others', () => {
    const shown = (word: string) => endingsOf(word).map((ending) => ending.replaceAll('\u0001', '^'));
    expect(shown('beatles')).toEqual(['^beatles', 'eatles', 'atles', 'tles', 'les']);
    expect(shown('ac/dc')).toEqual(['^ac^/^dc', 'c^/^dc', '^/^dc', '^dc']);
    expect(shown('宇多田a')).toEqual(['^宇多田a', '多田a', '田a']);
    expect(shown('x')).toEqual(['^x']);
    expect(shown('')).toEqual([]);
  });

  it('begin with what is asked for in exactly those words that have it', () => {
    const long = fc.string({
      unit: fc.constantFrom(...Array.from('aab/宇ア🎵')),
      minLength: 1,
      maxLength: 60,
    });
    const wordsOf = (text: string) => normaliseName(text).split(' ');
    fc.assert(
      fc.property(
        fc.oneof(name, long),
        fc.oneof(name, long),
        fc.nat(),
        fc.nat(),
        (text, query, from, length) => {
          for (const word of wordsOf(text)) {
            const part = Array.from(word)
              .slice(from % 30, (from % 30) + 1 + (length % 40))
              .join('');
            const asked = [parseNameQuery(query), parseNameQuery(part)].flatMap((each) => each?.words ?? []);
            const endings = endingsOf(word);
            for (const each of asked) {
              const { starts, isCut } = endingStarts(each);
              const leads = endings.some((ending) => starts.some((start) => ending.startsWith(start)));
              expect([each, leads && (!isCut || word.includes(each.text))]).toEqual([
                each,
                hasWords(markStarts(word), [each]),
              ]);
            }
          }
        },
      ),
      { numRuns: 3000 },
    );
  });

  it('fit their column and are each there once', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        for (const word of normaliseName(text).split(' ')) {
          const endings = endingsOf(word);
          expect(new Set(endings).size).toBe(endings.length);
          for (const ending of endings) {
            expect(Array.from(ending).length).toBeLessThanOrEqual(24);
            expect(isWellFormed(ending)).toBe(true);
          }
        }
      }),
    );
  });
});

describe('marks', () => {
  it('come off again', () => {
    fc.assert(
      fc.property(name, (text) => {
        expect(unmark(markStarts(normaliseName(text)))).toBe(normaliseName(text));
      }),
    );
  });
});

describe('what comes after a prefix', () => {
  const compare = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

  it('is behind all that begin with it, and before all else that is behind', () => {
    const text = fc.string({ unit: 'binary', minLength: 1, maxLength: 4 }).filter(isWellFormed);
    fc.assert(
      fc.property(text, text, (prefix, other) => {
        const end = afterPrefix(prefix);
        expect(end === null || isWellFormed(end)).toBe(true);
        const isInside = compare(other, prefix) >= 0 && (end === null || compare(other, end) < 0);
        expect(isInside).toBe(other.startsWith(prefix));
        expect(end === null || compare(prefix + other, end) < 0).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['a', 'b'],
    ['a\ud7ff', 'a\ue000'],
    ['a\u{10ffff}', 'b'],
    ['\u{10ffff}', null],
  ])('%j is %j', (prefix, end) => {
    expect(afterPrefix(prefix)).toBe(end);
  });
});
