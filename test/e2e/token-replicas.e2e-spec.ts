import { countQueriesOfCalls } from '../support/query-count';
import { setTimeout as sleep } from 'node:timers/promises';
import { DataSource } from 'typeorm';
import { ApiTokensRepository } from '../../src/auth/api-tokens.repository';
import { type Answer, startApp, type TestApp } from '../support/app';
import { expectProblem } from './problem-check';

/** The contract promises 5 s; the rest is for a machine that does other things too. */
const PROMISED_MS = 10_000;

/** Two servers on one database. */
let here: TestApp;
let there: TestApp;
beforeAll(async () => {
  here = await startApp();
  there = await startApp({ DATABASE_URL: here.database.url });
});
afterAll(async () => {
  await there.stop();
  await here.stop();
});

const create = (json: object, by = here, key?: string): Promise<Answer> =>
  by.call('POST', '/v1/tokens', {
    json,
    token: here.tokens.admin,
    headers: key === undefined ? {} : { 'idempotency-key': key },
  });
const statusOf = async (token: string, by: TestApp) => (await by.call('GET', '/v1/me', { token })).status;

/** Calls without a pause, as a client in a loop does: what is remembered is in use all the time. */
async function untilRefused(token: string, by: TestApp): Promise<void> {
  const deadline = performance.now() + PROMISED_MS;
  while ((await statusOf(token, by)) === 200) {
    if (performance.now() > deadline) throw new Error('still accepted');
    await sleep(10);
  }
}

it('S12 a token that is revoked here is refused here at once, and by the other replica in time', async () => {
  const { body } = await create({ name: 'x', role: 'reader' });
  for (let call = 0; call < 5; call++) {
    expect([await statusOf(body.token, here), await statusOf(body.token, there)]).toEqual([200, 200]);
  }
  expect((await here.call('DELETE', `/v1/tokens/${body.id}`)).status).toBe(204);
  expect(await statusOf(body.token, here)).toBe(401);
  await untilRefused(body.token, there);
  expect(await statusOf(body.token, there)).toBe(401);
});

it('a text that is rotated away here ends at the other replica too, where the new one works at once', async () => {
  const { body } = await create({ name: 'x', role: 'reader' }, there);
  expect([await statusOf(body.token, here), await statusOf(body.token, there)]).toEqual([200, 200]);
  const rotated = await here.call('POST', `/v1/tokens/${body.id}/rotate`);
  expect([await statusOf(body.token, here), await statusOf(rotated.body.token, here)]).toEqual([401, 200]);
  expect(await statusOf(rotated.body.token, there)).toBe(200);
  await untilRefused(body.token, there);
});

it('asks for changes now and then, not for each call', async () => {
  const { body } = await create({ name: 'x', role: 'reader' });
  for (const by of [here, there]) {
    await statusOf(body.token, by);
    const versions = jest.spyOn(by.app.get(ApiTokensRepository), 'readVersion');
    const all = countQueriesOfCalls(by.app.get(DataSource));
    const startedMs = performance.now();
    await Promise.all(Array.from({ length: 200 }, () => statusOf(body.token, by)));
    const seconds = (performance.now() - startedMs) / 1000;
    expect(versions.mock.calls.length).toBeLessThanOrEqual(2 + seconds);
    expect(all.count).toBeLessThanOrEqual(versions.mock.calls.length + 2); // the first use, and its record
    versions.mockRestore();
    all.stop();
  }
});

it('A12 of 50 calls with one key over two replicas, one makes a token', async () => {
  const json = { name: 'a12', role: 'reader' };
  // On a machine that does much else some are told that the database is busy, and come again as they should.
  let unknown = 0;
  const insist = async (by: TestApp): Promise<Answer> => {
    for (;;) {
      const answer = await create(json, by, 'a12');
      if (answer.status !== 503) return answer;
      unknown++;
    }
  };
  const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => insist(n % 2 === 0 ? here : there)));
  const made = answers.filter(({ status }) => status === 201);
  const first = made.filter(({ headers }) => headers.get('idempotency-replayed') === null);
  // The one that made it may be among those who were not told so.
  expect(unknown === 0 ? [1] : [0, 1]).toContain(first.length);
  expect(new Set(made.map(({ text }) => text)).size).toBe(1);
  for (const answer of answers.filter(({ status }) => status !== 201)) {
    expectProblem(answer, 'conflict', '/v1/tokens');
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  }
  const rows = await here.app.get(DataSource).query("SELECT id FROM api_token WHERE name = 'a12'");
  expect(rows).toHaveLength(1);
  for (const by of [here, there]) {
    const again = await create(json, by, 'a12');
    expect([again.status, again.headers.get('idempotency-replayed'), again.text]).toEqual([
      201,
      'true',
      made[0]?.text,
    ]);
    expectProblem(await create({ ...json, role: 'editor' }, by, 'a12'), 'idempotency-key-reused');
  }
});
