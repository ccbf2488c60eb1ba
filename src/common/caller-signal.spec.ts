import fastify, { type FastifyInstance } from 'fastify';
import { CallerGoneError, callerSignal } from './caller-signal';

let server: FastifyInstance;

afterEach(() => server.close());

/** A server whose one route answers when told to, and the signal of its next caller. */
async function serverWithSignal() {
  server = fastify();
  let tell: (signal: AbortSignal) => void = () => undefined;
  let answer: () => void = () => undefined;
  const signal = new Promise<AbortSignal>((resolve) => (tell = resolve));
  const answered = new Promise<void>((resolve) => (answer = resolve));
  server.get('/', async (_request, reply) => {
    tell(callerSignal(reply));
    await answered;
    return {};
  });
  const url = await server.listen({ port: 0, host: '127.0.0.1' });
  return { url, signal, answer };
}

describe('callerSignal', () => {
  it('is aborted when the caller goes', async () => {
    const { url, signal, answer } = await serverWithSignal();
    const caller = new AbortController();
    const call = fetch(url, { signal: caller.signal });
    const aborted = signal.then(
      (it) =>
        new Promise((resolve) => {
          it.addEventListener('abort', resolve);
        }),
    );
    await signal;
    caller.abort();
    await expect(call).rejects.toThrow();
    await aborted;
    expect((await signal).reason).toBeInstanceOf(CallerGoneError);
    answer();
  });

  it('is left alone when the reply was finished', async () => {
    const { url, signal, answer } = await serverWithSignal();
    const call = fetch(url, { headers: { connection: 'close' } });
    await signal;
    answer();
    await (await call).text();
    await server.close();
    expect((await signal).aborted).toBe(false);
  });
});
