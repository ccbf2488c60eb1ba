import { LoopTurns } from './loop-turns';

it('gives each its own turn of the event loop, in the order they came', async () => {
  const turns = new LoopTurns();
  const order: string[] = [];
  const others = (async () => {
    for (let turn = 0; turn < 8; turn++) {
      await new Promise((resolve) => setImmediate(resolve));
      order.push('.');
    }
  })();
  await Promise.all(['a', 'b', 'c'].map((name) => turns.take().then(() => order.push(name))));
  await others;
  expect(order.join('').replaceAll(/\.+/g, '.')).toMatch(/^\.?a\.b\.c\.?$/);
});
