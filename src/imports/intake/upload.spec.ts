import fc from 'fast-check';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { AppError } from '../../common/app-error';
import type { FileRow } from './file-row';
import { openUpload } from './upload';

interface Given {
  readonly type?: string;
  readonly column?: string;
  readonly encoding?: string;
  /** Bytes of each chunk; all in one unless given. */
  readonly cut?: number;
}

async function read(
  body: string | Buffer,
  { type = 'text/csv', column, encoding, cut }: Given = {},
): Promise<FileRow[]> {
  const bytes = Buffer.from(body as string);
  const size = cut ?? Math.max(1, bytes.length);
  const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
    bytes.subarray(at * size, (at + 1) * size),
  );
  const { rows } = openUpload({
    body: Readable.from(chunks, { objectMode: false }),
    contentType: type,
    contentEncoding: encoding,
    column: column ?? null,
  });
  const all: FileRow[] = [];
  for await (const part of rows) all.push(...part);
  return all;
}

const inputs = async (body: string | Buffer, given?: Given) =>
  (await read(body, given)).map(({ input }) => input);
const lines = async (body: string | Buffer, given?: Given) =>
  (await read(body, given)).map(({ line }) => line);
const A = 'USWB10102873';
const B = 'US-VT1-03-00001';

async function refusal(body: string | Buffer, given?: Given): Promise<string> {
  try {
    await read(body, given);
  } catch (error) {
    if (error instanceof AppError) return `${error.slug}: ${error.message}`;
    throw error;
  }
  throw new Error('it was read');
}

describe('CSV', () => {
  it.each([
    ['a comma', `isrc,title\n${A},x\n${B},"a;b"\n`],
    ['a semicolon', `Title;ISRC\nx,y;${A}\n"a;b";${B}\n`],
    ['a tab', `title\tIsrc \nx, y; z\t${A}\na\t${B}\n`],
    ['one column', `isrc\n${A}\n${B}`],
    ['no header', `${A};x\n${B};y\n`],
    ['no header, codes in the second column', `x;${A}\ny;${B}\n`],
    ['what Excel writes before all', `sep=;\nisrc;title\n${A};x\n${B};y\n`],
    ['a delimiter told there, where another would do', `sep=;\nUS,ISRC;ISRC\nx,${B};${A}\ny,${A};${B}\n`],
    ['another delimiter told there', `"sep=|"\ntitle|isrc\nx|${A}\ny|${B}\n`],
    ['many rows of nothing before', `${';;\n'.repeat(1000)};isrc;\n;${A};\n;${B};\n`],
    ['rows of nothing before and after', `;;\n\n;isrc;\n;${A};\n;;\n\n;${B};\n;;\n`],
    ['a quote within a cell', `isrc,title\n${A},Song (12" mix)\n${B},"""quoted"""\n`],
  ])('is read with %s', async (_, text) => {
    expect(await inputs(text)).toEqual([A, B]);
  });

  it('takes a column by its name in any case, or by its number', async () => {
    const text = `Code A,code b\n${A},1\n${B},2\n`;
    for (const column of ['code a', 'CODE A', '1']) expect(await inputs(text, { column })).toEqual([A, B]);
    expect(await inputs(`${A},${B}\n`, { column: '2' })).toEqual([B]);
    expect(await inputs(`QZABC26OOOO1,x\n${A},y\n`, { column: '1' })).toEqual([A]);
    for (const column of ['3', '0', 'title', '1e1'])
      expect(await refusal(text, { column })).toMatch(/^invalid-request: column/);
  });

  it('has no rows where there is no column of codes', async () => {
    expect(await refusal('title,artist\nx,y\n')).toMatch(/^invalid-request: .*no column named isrc/);
  });

  it('keeps a mistyped code in the first row, where the column is told by number', async () => {
    expect(await inputs('QZABC260000\n', { column: '1' })).toEqual(['QZABC260000']);
  });

  it('knows rows by the line that they begin on, whatever ends lines, and however the file is cut', async () => {
    const end = fc.constantFrom('\n', '\r\n', '\r');
    const row = fc.record({
      title: fc.constantFrom('x', 'a"b', 'a,b', 'a;b', 'one\ntwo', 'one\r\ntwo\rthree', '', 'é'),
      end,
      blanks: fc.array(end, { maxLength: 2 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { minLength: 1, maxLength: 12 }),
        fc.constantFrom(',', ';', '\t'),
        fc.integer({ min: 1, max: 40 }),
        async (rows, delimiter, cut) => {
          let text = `title${delimiter}isrc\n`;
          const expected: FileRow[] = [];
          rows.forEach(({ title, end: ends, blanks }, at) => {
            const input = `QZABC26${String(at).padStart(5, '0')}`;
            expected.push({ line: text.split(/\r\n|\r|\n/).length, input });
            text += `"${title.replaceAll('"', '""')}"${delimiter}${input}${ends}${blanks.join('')}`;
            // CR and a blank line's LF are one end of a line, as anywhere.
          });
          expect(await read(text, { cut })).toEqual(expected);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('tells a row without a code in its column', async () => {
    expect(await read(`isrc,title\n,x\n${A},y\n`)).toEqual([
      { line: 2, input: '', fault: expect.stringMatching(/no code/) as string },
      { line: 3, input: A },
    ]);
  });

  it('I10 is refused where a cell, a row or a quote has no end', async () => {
    expect(await refusal(`isrc\n${A},${','.repeat(1_000_000)}\n`)).toMatch(/longer than/);
    expect(await refusal(`isrc\n"${'x'.repeat(1_000_000)}"\n`)).toMatch(/longer than/);
    expect(await refusal(`isrc\n${'x'.repeat(1_000_000)}\n`)).toMatch(/longer than/);
    expect(await refusal(`isrc\n"${A}\n${B}\n`)).toMatch(/a quote is not closed/);
    expect(await refusal(`isrc\n"${`${A}\n`.repeat(100_000)}`)).toMatch(/a quote in it is not closed/);
    expect(await refusal(`isrc,"${`\n${','.repeat(1000)}`.repeat(1000)}`)).toMatch(/invalid-request/);
  });
});

describe('encodings', () => {
  const text = `isrc;título\n${A};Beyoncé\n${B};naïve\n`;

  it.each([
    ['UTF-8', Buffer.from(text), undefined],
    ['UTF-8 with a mark', Buffer.from(`\ufeff${text}`), undefined],
    ['UTF-16, little-endian', Buffer.from(`\ufeff${text}`, 'utf16le'), undefined],
    ['UTF-16, big-endian', Buffer.from(`\ufeff${text}`, 'utf16le').swap16(), undefined],
    ['UTF-16, told', Buffer.from(`\ufeff${text}`, 'utf16le'), 'UTF-16'],
    ['UTF-16, told, big-endian', Buffer.from(`\ufeff${text}`, 'utf16le').swap16(), 'utf-16'],
    ['UTF-16, told, without a mark', Buffer.from(text, 'utf16le'), 'utf-16'],
    ['Latin-1, not told', Buffer.from(text, 'latin1'), undefined],
    ['Latin-1, told', Buffer.from(text, 'latin1'), 'ISO-8859-1'],
  ])('reads %s, however it is cut', async (_, bytes, charset) => {
    const type = charset === undefined ? 'text/csv' : `text/csv; charset=${charset}`;
    for (const cut of [1, 2, 3, 7, 1000]) {
      expect(await inputs(bytes, { type, cut })).toEqual([A, B]);
      expect(await inputs(bytes, { type, cut, column: 'TÍTULO' })).toEqual(['Beyoncé', 'naïve']);
    }
  });

  it('refuses others, and what is no text', async () => {
    expect(await refusal(text, { type: 'text/csv; charset=shift_jis' })).toMatch(/^unsupported-media-type/);
    expect(await refusal('"x"', { type: 'application/x-ndjson; charset=latin1' })).toMatch(
      /^unsupported-media-type/,
    );
    expect(await refusal('PK\u0003\u0004rest of an xlsx')).toMatch(/Excel.*save the sheet as CSV/);
    expect(await refusal('isrc\nUS\0WB')).toMatch(/NUL/);
    expect(await refusal(gzipSync(text))).toMatch(/Content-Encoding/);
  });
});

describe('other forms', () => {
  it('reads lines of text', async () => {
    expect(await read(`${A}\r\n\r\n  ${B} \rx\n`, { type: 'text/plain; charset=utf-8' })).toEqual([
      { line: 1, input: A },
      { line: 3, input: B },
      { line: 4, input: 'x' },
    ]);
  });

  it('reads lines of JSON, and tells those that are none', async () => {
    const body = `"${A}"\n\n{"isrc":"${B}","title":"x"}\n{"ISRC":"${A}"}\n{"isrc":1}\n{"title":"x"}\n[1]\nbroken\n`;
    const rows = await read(body, { type: 'application/x-ndjson', cut: 5 });
    expect(rows.map(({ line, fault }) => [line, fault === undefined])).toEqual([[1, true], [3, true], [4, true], [5, false], [6, false], [7, false], [8, false]]); // prettier-ignore
  });

  it('reads a list as JSON, with any white space and escapes, however it is cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string({ unit: 'binary', maxLength: 20 }), { maxLength: 20 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 0, max: 3 }),
        async (isrcs, cut, space) => {
          const sent = JSON.stringify({ isrcs }, null, space);
          const wellFormed = JSON.parse(Buffer.from(sent).toString('utf8')) as { isrcs: string[] };
          expect(await inputs(sent, { type: 'application/json', cut })).toEqual(wellFormed.isrcs);
        },
      ),
      { numRuns: 100 },
    );
    expect(await lines(JSON.stringify({ isrcs: [A, B] }), { type: 'application/json' })).toEqual([1, 2]);
  });

  it.each(['', '{}', '[]', '{"isrcs":', '{"isrcs":[', '{"isrcs":["a"', '{"isrcs":["a",]}', '{"isrcs":[1]}', '{"isrcs":[["a"]]}', '{"isrcs":[null]}', '{"isrcs":"a"}', '{"isrcs":["a"]}x', '{"isrcs":["a"],"x":1}', '{"refresh":true,"isrcs":["a"]}', '{"__proto__":1}', '{"isrcs":["\\x"]}', `{"isrcs":["${'x'.repeat(300_000)}"]}`, `{"isrcs":["${'x'.repeat(300_000)}`])('refuses %.40s', async (body) => {
    expect(await refusal(body, { type: 'application/json' })).toMatch(/^invalid-request: body/);
  }); // prettier-ignore

  it('refuses another type or compression, and a column where there is none', async () => {
    for (const type of ['application/zip', 'multipart/form-data; boundary=x', ''])
      expect(await refusal('x', { type })).toMatch(/^unsupported-media-type/);
    expect(await refusal('x', { encoding: 'br' })).toMatch(/^unsupported-media-type/);
    expect(await refusal('x', { type: 'text/plain', column: '1' })).toMatch(/^invalid-request: column/);
  });

  it('I10 expands gzip, and measures what it expands to', async () => {
    expect(await inputs(gzipSync(`isrc\n${A}\n`), { encoding: 'gzip' })).toEqual([A]);
    expect(await refusal('isrc\n', { encoding: 'gzip' })).toMatch(/is not gzip/);
    const bomb = gzipSync(Buffer.alloc(70 * 1024 * 1024, '\n'));
    expect(bomb.length).toBeLessThan(100_000);
    expect(await refusal(bomb, { encoding: 'gzip', type: 'text/plain' })).toMatch(/^payload-too-large/);
  });
});

describe('a compressed upload that breaks off', () => {
  const gzip = gzipSync(`isrc\n${`${A}\n`.repeat(50_000)}`);
  const opened = (body: Readable) =>
    openUpload({ body, contentType: 'text/csv', contentEncoding: 'gzip', column: null }).rows;
  const toTheEnd = async (rows: AsyncIterable<unknown>) => {
    for await (const _ of rows);
  };

  it('before anybody reads it fails when it is read, and not the process', async () => {
    const body = new Readable({ read: () => undefined });
    const rows = opened(body);
    body.push(gzip.subarray(0, 20));
    body.destroy();
    await new Promise(setImmediate);
    await expect(toTheEnd(rows)).rejects.toThrow(/broke off/);
  });

  it('after it was refused ends nothing else', async () => {
    const body = new Readable({ read: () => undefined });
    const rows = opened(body);
    body.push(gzip.subarray(0, gzip.length - 10));
    for await (const _ of rows) break; // as where something is wrong with a row
    body.destroy();
    await new Promise((resolve) => setTimeout(resolve, 20));
  });

  it('in the middle is refused', async () => {
    expect(await refusal(gzip.subarray(0, gzip.length - 10), { encoding: 'gzip' })).toMatch(/is not gzip/);
  });
});

describe('rows of nothing', () => {
  it.each([
    ['text/csv', '\n'],
    ['text/csv', ',\n'],
    ['text/plain', '\r\n'],
    ['text/plain', ' \n'],
    ['application/x-ndjson', '\n'],
  ])('of %s are none, however many', async (type, blank) => {
    const quoted = type === 'application/x-ndjson' ? `"${B}"` : B;
    const head = type === 'text/csv' ? 'isrc,title\n' : '';
    const text = `${head}${blank.repeat(300_000)}${quoted}`;
    expect(await read(text, { type, cut: 65_536 })).toEqual([
      { line: 300_001 + Number(head !== ''), input: B },
    ]);
  });

  it('and rows of other lengths than the first are read alike', async () => {
    const rows = Array.from({ length: 2000 }, (_, at) => `${A}${',x'.repeat(at % 5)}`);
    expect(await lines(`isrc,title\n${rows.join('\n')}`)).toEqual(rows.map((_, at) => at + 2));
  });
});
