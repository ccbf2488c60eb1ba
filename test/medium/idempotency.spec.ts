import { type DataSource, LessThan } from 'typeorm';
import { inTransaction } from '../../src/common/transaction';
import { IdempotentCall } from '../../src/idempotency/entities/idempotent-call.entity';
import { IdempotencyRepository } from '../../src/idempotency/idempotency.repository';
import {
  answerAgain,
  type IdempotencyClaim,
  type IdempotentRun,
  IdempotencyService,
} from '../../src/idempotency/idempotency.service';
import { RecordingMiss } from '../../src/tracks/entities/recording-miss.entity';
import { openDataSource, openMigrated } from '../support/data-source';
import { createTestDatabase, type TestDatabase } from '../support/database';

const ANSWER = { status: 202, headers: { location: '/v1/imports/1' }, body: { id: '1', secret: 'dwx_text' } };
const PRINT = 'f'.repeat(64);

let database: TestDatabase;
let dataSource: DataSource;
/** A second process on the same database. */
let other: DataSource;
let service: IdempotencyService;
let replica: IdempotencyService;

beforeAll(async () => {
  database = await createTestDatabase();
  dataSource = await openMigrated(database.url);
  other = await openDataSource(database.url);
});
beforeEach(() => {
  service = new IdempotencyService(new IdempotencyRepository(dataSource));
  replica = new IdempotencyService(new IdempotencyRepository(other));
});
afterAll(async () => {
  await dataSource.destroy();
  await other.destroy();
  await database.drop();
});

const claim = (key: string, by = service, caller = 'api-token:a') =>
  by.claim(caller, 'POST /v1/imports', key);

function runOf(claimed: IdempotencyClaim): IdempotentRun {
  if (claimed.kind !== 'new') throw new Error(`the claim is ${claimed.kind}`);
  return claimed.run;
}

/** Does a call whose effect is one row of `recording_miss`, in one transaction with its answer. */
const doCall = (run: IdempotentRun, isrc: string) =>
  inTransaction(dataSource, async (manager) => {
    await manager.insert(RecordingMiss, { isrc, expiresAt: new Date(0) });
    await run.complete(manager, PRINT, ANSWER);
  });
const hasEffect = (isrc: string) => dataSource.manager.existsBy(RecordingMiss, { isrc });

it('gives a call to one, tells the others to wait, and then the answer, on every process', async () => {
  const run = runOf(await claim('first'));
  for (const by of [service, replica]) {
    expect(await claim('first', by)).toEqual({ kind: 'running', retryAfterSeconds: 2 });
  }
  await doCall(run, 'QZDWX2600001');
  for (const by of [service, replica]) {
    const done = await claim('first', by);
    expect(done).toEqual({ kind: 'done', fingerprint: PRINT, answer: ANSWER });
    if (done.kind !== 'done') continue;
    expect(answerAgain(done, PRINT)).toEqual(ANSWER);
    expect(() => answerAgain(done, 'e'.repeat(64))).toThrow(/used for a call with another body/);
  }
});

it('A12 of 50 at once over two processes, one runs', async () => {
  const claims = await Promise.all(
    Array.from({ length: 50 }, (_, n) => claim('crowd', n % 2 === 0 ? service : replica)),
  );
  const kinds = claims.map(({ kind }) => kind);
  expect(kinds.filter((kind) => kind === 'new')).toHaveLength(1);
  expect(kinds.filter((kind) => kind === 'running')).toHaveLength(49);
  for (const each of claims) if (each.kind === 'new') await each.run.abandon();
});

it('keeps callers, operations and keys apart', async () => {
  const runs = [
    await claim('apart'),
    await claim('apart', service, 'api-token:b'),
    await claim('Apart'),
    await service.claim('api-token:a', 'POST /v1/tokens', 'apart'),
  ].map(runOf);
  for (const run of runs) await run.abandon();
});

it('frees the key of a call that came to nothing, but not of one that is done', async () => {
  const run = runOf(await claim('failed'));
  await run.abandon();
  const again = runOf(await claim('failed', replica));
  await run.abandon(); // not its run any more
  expect((await claim('failed')).kind).toBe('running');
  await doCall(again, 'QZDWX2600002');
  await again.abandon();
  expect((await claim('failed')).kind).toBe('done');
});

it('J02 has the effect and the answer together, or neither', async () => {
  const run = runOf(await claim('together'));
  const failing = inTransaction(dataSource, async (manager) => {
    await manager.insert(RecordingMiss, { isrc: 'QZDWX2600003', expiresAt: new Date(0) });
    await run.complete(manager, PRINT, ANSWER);
    throw new Error('the process dies before the commit');
  });
  await expect(failing).rejects.toThrow('dies');
  expect([await hasEffect('QZDWX2600003'), (await claim('together')).kind]).toEqual([false, 'running']);
  await doCall(run, 'QZDWX2600003'); // a transaction that is tried again
  expect([await hasEffect('QZDWX2600003'), (await claim('together')).kind]).toEqual([true, 'done']);
});

it('frees the key of a process that died, whose late writes are refused', async () => {
  const dead = runOf(await claim('dead'));
  await dataSource.manager.updateAll(IdempotentCall, { leaseUntil: new Date(Date.now() - 1) });
  const taken = runOf(await claim('dead', replica));
  await expect(doCall(dead, 'QZDWX2600004')).rejects.toMatchObject({ slug: 'conflict' });
  expect(await hasEffect('QZDWX2600004')).toBe(false);
  await doCall(taken, 'QZDWX2600005');
  expect(await claim('dead')).toMatchObject({ kind: 'done' });
  await expect(doCall(dead, 'QZDWX2600004')).rejects.toMatchObject({ slug: 'conflict' });
  expect(await hasEffect('QZDWX2600004')).toBe(false);
});

it('keeps a long call for its run as long as it lives', async () => {
  jest.useFakeTimers({
    doNotFake: ['nextTick', 'setImmediate', 'setTimeout', 'clearTimeout', 'queueMicrotask', 'performance'],
  });
  try {
    const run = runOf(await claim('long'));
    for (let minutes = 0; minutes < 5; minutes++) {
      for (let turn = 0; turn < 4; turn++) {
        const renewed = jest.spyOn(IdempotencyRepository.prototype, 'renew');
        jest.advanceTimersByTime(15_000);
        await Promise.all(renewed.mock.results.map(({ value }) => value as unknown));
        renewed.mockRestore();
      }
      expect((await claim('long', replica)).kind).toBe('running');
    }
    await doCall(run, 'QZDWX2600006');
  } finally {
    jest.useRealTimers();
  }
  expect((await claim('long')).kind).toBe('done');
});

it('keeps an answer for a day, then forgets it in passing', async () => {
  await doCall(runOf(await claim('old')), 'QZDWX2600007');
  const now = Date.now();
  const clock = jest.spyOn(Date, 'now').mockReturnValue(now + 23.9 * 3_600_000);
  expect((await claim('old')).kind).toBe('done');
  clock.mockReturnValue(now + 24.1 * 3_600_000);
  await runOf(await claim('old')).abandon();
  const purged = jest.spyOn(IdempotencyRepository.prototype, 'purge');
  await doCall(
    runOf(await claim('new', new IdempotencyService(new IdempotencyRepository(other)))),
    'QZDWX2600008',
  );
  await Promise.all(purged.mock.results.map(({ value }) => value as unknown));
  const expiresAt = LessThan(new Date(Date.now()));
  expect(await dataSource.manager.countBy(IdempotentCall, { expiresAt })).toBe(0);
  expect(await dataSource.manager.count(IdempotentCall)).toBe(1);
  clock.mockRestore();
  purged.mockRestore();
});

it('keeps neither key nor answer in clear', async () => {
  await doCall(runOf(await claim('a-key-of-somebody')), 'QZDWX2600009');
  const rows = JSON.stringify(await dataSource.manager.find(IdempotentCall));
  for (const part of ['a-key-of-somebody', 'dwx_text', '/v1/imports', 'api-token'])
    expect(rows).not.toContain(part);
});

describe('once', () => {
  const call = (key: string | null) => ({ callerId: 'api-token:a', operation: 'POST /v1/tokens', key });
  const work = jest.fn((record: Parameters<Parameters<IdempotencyService['once']>[2]>[0]) =>
    inTransaction(dataSource, (manager) => record(manager, ANSWER)).then(() => ANSWER),
  );
  beforeEach(() => work.mockClear());

  it('works once for a key, each time without one', async () => {
    expect(await service.once(call('once'), PRINT, work)).toEqual({ answer: ANSWER, isReplay: false });
    expect(await replica.once(call('once'), PRINT, work)).toEqual({ answer: ANSWER, isReplay: true });
    expect(work).toHaveBeenCalledTimes(1);
    await expect(service.once(call('once'), 'other', work)).rejects.toMatchObject({
      slug: 'idempotency-key-reused',
    });
    for (let n = 0; n < 2; n++) {
      expect(await service.once(call(null), PRINT, work)).toEqual({ answer: ANSWER, isReplay: false });
    }
    expect(work).toHaveBeenCalledTimes(3);
  });

  it('lets the same key try again after a failure', async () => {
    await expect(service.once(call('again'), PRINT, () => Promise.reject(new Error('no')))).rejects.toThrow(
      'no',
    );
    expect(await service.once(call('again'), 'another', work)).toMatchObject({ isReplay: false });
  });

  it('tells who comes meanwhile to wait', async () => {
    const run = runOf(await service.claim('api-token:a', 'POST /v1/tokens', 'busy'));
    await expect(replica.once(call('busy'), PRINT, work)).rejects.toMatchObject({
      slug: 'conflict',
      retryAfterSeconds: 2,
    });
    await run.abandon();
  });
});
