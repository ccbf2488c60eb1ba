import { ConfirmedVersion } from './confirmed-version';

/** A database that answers when it is told to, and a clock. */
function setUp() {
  const answers: { answer: (version: number) => void; fail: (error: Error) => void }[] = [];
  let nowMs = 1_000_000;
  const read = jest.fn(
    () =>
      new Promise<number>((answer, fail) => {
        answers.push({ answer, fail });
      }),
  );
  const forget = jest.fn();
  const version = new ConfirmedVersion(read, forget, () => nowMs);
  return {
    version,
    read,
    forget,
    pass: (ms: number) => (nowMs += ms),
    answer: (at: number, value: number) => answers[at]?.answer(value),
    fail: (at: number) => answers[at]?.fail(new Error('gone')),
  };
}

/** Whether it resolves without anything else to happen. */
async function isSettled(promise: Promise<void>): Promise<boolean> {
  let settled = false;
  promise.then(
    () => (settled = true),
    () => (settled = true),
  );
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  return settled;
}

/** With a version confirmed at the present time. */
async function confirmed(value = 7) {
  const world = setUp();
  const first = world.version.confirm();
  world.answer(0, value);
  await first;
  return world;
}

it('asks once for all who come before it knows, and lets nobody in until it does', async () => {
  const { version, read, answer } = setUp();
  const waiting = Array.from({ length: 50 }, () => version.confirm());
  expect(await isSettled(Promise.race(waiting))).toBe(false);
  answer(0, 7);
  await Promise.all(waiting);
  expect(read).toHaveBeenCalledTimes(1);
});

it('asks nothing for a while, then beside the calls, and makes them wait from three seconds on', async () => {
  const { version, read, pass, answer } = await confirmed();
  pass(1_400);
  for (let call = 0; call < 100; call++) await version.confirm();
  expect(read).toHaveBeenCalledTimes(1);
  pass(200);
  for (let call = 0; call < 100; call++) await version.confirm();
  expect(read).toHaveBeenCalledTimes(2); // on its way
  pass(1_500);
  const waiting = version.confirm();
  expect(await isSettled(waiting)).toBe(false);
  answer(1, 7);
  await waiting;
  expect(read).toHaveBeenCalledTimes(2);
});

it('forgets when the version is another one, larger or not, and only then', async () => {
  const { version, forget, pass, answer } = await confirmed(7);
  expect(forget).toHaveBeenCalledTimes(1); // what was remembered before the first answer may be older
  for (const [at, [value, times]] of (
    [
      [7, 1],
      [8, 2],
      [8, 2],
      [3, 3],
    ] as const
  ).entries()) {
    pass(3_000);
    const waiting = version.confirm();
    answer(at + 1, value);
    await waiting;
    expect(forget).toHaveBeenCalledTimes(times);
  }
});

it('counts from the moment that a read began: one that took long is no news', async () => {
  const { version, read, pass, answer } = await confirmed();
  pass(1_600);
  await version.confirm();
  pass(2_500); // the read began 2.5 s ago: who waits for it has what was true then
  const waiting = version.confirm();
  answer(1, 7);
  await waiting;
  expect(read).toHaveBeenCalledTimes(2);
  pass(600); // now 3.1 s ago
  expect(await isSettled(version.confirm())).toBe(false);
  expect(read).toHaveBeenCalledTimes(3);
});

it('does not wait for a read that hangs since before, and does not believe it when it comes', async () => {
  const { version, read, forget, pass, answer } = await confirmed(7);
  pass(1_600);
  await version.confirm();
  pass(3_000);
  const waiting = version.confirm();
  expect(read).toHaveBeenCalledTimes(3);
  answer(2, 8);
  await waiting;
  expect(forget).toHaveBeenCalledTimes(2);
  answer(1, 7);
  await isSettled(Promise.resolve());
  expect(forget).toHaveBeenCalledTimes(2);
  pass(3_000);
  const again = version.confirm();
  answer(3, 8);
  await again;
  expect(forget).toHaveBeenCalledTimes(2);
});

it('trusts nothing that is older where the database does not answer, and tries again', async () => {
  const { version, read, pass, answer, fail } = await confirmed();
  pass(1_600);
  await version.confirm();
  fail(1);
  await isSettled(Promise.resolve());
  await version.confirm(); // still trusted
  fail(2);
  await isSettled(Promise.resolve());
  pass(1_500);
  const waiting = version.confirm();
  fail(3);
  await expect(waiting).rejects.toThrow('gone');
  const again = version.confirm();
  answer(4, 7);
  await again;
  expect(read).toHaveBeenCalledTimes(5);
});

it('asks at once where somebody knows of a change', async () => {
  const { version, read, answer } = await confirmed();
  version.expire();
  const waiting = version.confirm();
  expect(await isSettled(waiting)).toBe(false);
  answer(1, 8);
  await waiting;
  expect(read).toHaveBeenCalledTimes(2);
});
