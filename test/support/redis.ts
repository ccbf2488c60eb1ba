import { Redis } from 'ioredis';

/** A Redis database of a suite's own, empty at first. */
export interface TestRedis {
  /** As `REDIS_URL` wants it. */
  readonly url: string;
  readonly port: number;
  /** A connection of the test's own, to look into it. */
  readonly client: Redis;
  /** Removes all that it holds. */
  drop(): Promise<void>;
}

/** Takes a fresh database of the run's Redis. Drop it in `afterAll`, after the app is closed. */
export async function createTestRedis(): Promise<TestRedis> {
  const address = process.env['DEADWAX_TEST_REDIS_URL'];
  if (!address)
    throw new Error('DEADWAX_TEST_REDIS_URL is not set: `npm test` starts the servers of the tests.');
  const counter = new Redis(address);
  const number = await counter.incr('databases-given-out');
  counter.disconnect();
  const url = new URL(address);
  url.pathname = `/${number}`;
  const client = new Redis(url.href);
  return {
    url: url.href,
    port: Number(url.port),
    client,
    async drop() {
      await client.flushdb();
      client.disconnect();
    },
  };
}
