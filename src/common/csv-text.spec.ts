import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { toCsv } from './csv-text';

it('I11 defuses and quotes cells that begin as formulas do', () => {
  const cells = ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '＝1'];
  expect(toCsv([cells])).toBe(`${cells.map((cell) => `"'${cell}"`).join(',')}\n`);
  expect(toCsv([['=HYPERLINK("x","y")']])).toBe(`"'=HYPERLINK(""x"",""y"")"\n`);
  expect(toCsv([['a=b', -5, true, null, '', 'Sigur Rós']])).toBe(
    'a=b,-5,true,,,Sigur Rós\n'.replace('-5', '"-5"'),
  );
});

it('gives back what was put in', () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.string({ unit: 'grapheme' }), { minLength: 2, maxLength: 4 }), { minLength: 1 }),
      (rows) => {
        const back: string[][] = parse(toCsv(rows), { relax_column_count: true, record_delimiter: '\n' });
        const undone = back.map((row) =>
          row.map((cell) => (/^'[=+\-@\t\r＝＋－＠]/.test(cell) ? cell.slice(1) : cell)),
        );
        expect(undone).toEqual(
          rows.map((row) => row.map((cell) => (/^'[=+\-@\t\r＝＋－＠]/.test(cell) ? cell.slice(1) : cell))),
        );
      },
    ),
  );
});
