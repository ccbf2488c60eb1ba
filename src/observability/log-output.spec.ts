import { setImmediate as turn } from 'node:timers/promises';
import { LogOutput } from './log-output';

function setUp() {
  const written: string[] = [];
  return { written, output: new LogOutput({ write: (text) => void written.push(text) }) };
}

it('writes the lines of one turn together and in order, and those of the next turn after', async () => {
  const { written, output } = setUp();
  output.write('a\n');
  output.write('b\n');
  expect(written).toEqual([]);
  await turn();
  output.write('c\n');
  await turn();
  expect(written).toEqual(['a\nb\n', 'c\n']);
});

it('writes at once when told to, and nothing twice', async () => {
  const { written, output } = setUp();
  output.write('a\n');
  output.flushSync();
  expect(written).toEqual(['a\n']);
  await turn();
  output.flushSync();
  expect(written).toEqual(['a\n']);
});
