import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { InsuredStore, type QuotaStore, type Taken } from './quota-store';

const taken = (remaining: number): Taken => ({ granted: 1, remaining, resetMs: 1_000 });
const SHARED = taken(7);
const LOCAL = taken(3);

describe('a store that is insured', () => {
  let told: boolean[];
  beforeEach(() => {
    told = [];
  });

  function insured(take: QuotaStore['take'], patienceMs: number): InsuredStore {
    const forget = (): void => undefined;
    const local = { take: () => Promise.resolve(LOCAL), forget };
    return new InsuredStore({ take, forget }, local, patienceMs, (isFailing) => told.push(isFailing));
  }

  it('takes an answer that came in time, though this process was too busy to read it', async () => {
    const server = createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const line: Socket = connect((server.address() as { port: number }).port, '127.0.0.1');
    await once(line, 'connect');
    try {
      const store = insured(async () => {
        line.write('?');
        await once(line, 'data');
        return SHARED;
      }, 20);
      const asked = store.take('key', 1);
      const until = performance.now() + 100;
      while (performance.now() < until);
      expect([await asked, told]).toEqual([SHARED, []]);
    } finally {
      line.destroy();
      server.close();
    }
  });

  it('lets one call wait, and asks beside the others until there is an answer', async () => {
    let answer: ((taken: Taken) => void) | undefined;
    let questions = 0;
    jest.useFakeTimers({
      doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask', 'setTimeout', 'clearTimeout'],
    });
    try {
      const store = insured(() => {
        questions++;
        return new Promise((resolve) => (answer = resolve));
      }, 1);
      expect(await store.take('key', 1)).toBe(LOCAL);
      expect([questions, told]).toEqual([1, [true]]);
      expect(await store.take('key', 1)).toBe(LOCAL);
      expect(questions).toBe(1);
      jest.advanceTimersByTime(1_001);
      expect([await store.take('key', 1), await store.take('key', 1)]).toEqual([LOCAL, LOCAL]);
      expect(questions).toBe(2);
      answer?.(SHARED);
      while (told.length < 2) await new Promise(setImmediate);
      expect(told).toEqual([true, false]);
      const next = store.take('key', 1);
      answer?.(SHARED);
      expect(await next).toBe(SHARED);
    } finally {
      jest.useRealTimers();
    }
  });

  it('counts alone at once where the shared store fails', async () => {
    const store = insured(() => Promise.reject(new Error('gone')), 60_000);
    expect([await store.take('key', 1), told]).toEqual([LOCAL, [true]]);
  });
});
