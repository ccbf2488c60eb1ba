import { Logger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Settings, parseSettings } from '../../src/config/settings';
import { RedisConnection } from '../../src/redis/redis-connection';
import { createTestRedis, type TestRedis } from '../support/redis';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy';

const FAST_MS = 250;

describe('the connection to Redis', () => {
  let redis: TestRedis;
  let proxy: TcpProxy;
  let connection: RedisConnection;
  let told: string[];

  beforeEach(async () => {
    told = [];
    for (const level of ['log', 'warn', 'error'] as const) {
      jest.spyOn(Logger.prototype, level).mockImplementation((...words: unknown[]) => {
        told.push(`${level} ${words.join(' ')}`);
      });
    }
    redis = await createTestRedis();
    proxy = await startTcpProxy(redis.port);
  });
  afterEach(async () => {
    await connection.onApplicationShutdown();
    await proxy.stop();
    await redis.drop();
    jest.restoreAllMocks();
  });

  const settingsFor = (port: number): Settings => {
    const url = new URL(redis.url);
    url.port = String(port);
    return parseSettings({ REDIS_URL: url.href });
  };

  const until = async (isSo: () => boolean): Promise<void> => {
    const deadline = Date.now() + 20_000;
    while (!isSo()) {
      if (Date.now() > deadline) throw new Error(`waited in vain; told: ${told.join('; ')}`);
      await sleep(10);
    }
  };

  it('is none without REDIS_URL', () => {
    connection = new RedisConnection(parseSettings({}));
    expect([connection.client, connection.isReady]).toEqual([null, false]);
  });

  it('reaches the database named, with the password given', async () => {
    connection = new RedisConnection(settingsFor(redis.port));
    await until(() => connection.isReady);
    await connection.client?.set('a', '1');
    expect(await redis.client.get('a')).toBe('1');
  });

  it('fails commands at once while Redis is away, comes back by itself, and tells of each change once', async () => {
    connection = new RedisConnection(settingsFor(proxy.port));
    await until(() => connection.isReady);
    await proxy.cut();
    await until(() => !connection.isReady);
    const startedAt = performance.now();
    await expect(connection.client?.get('a')).rejects.toThrow();
    expect(performance.now() - startedAt).toBeLessThan(FAST_MS);
    await sleep(1_000); // several attempts
    expect(told.filter((line) => line.startsWith('warn'))).toHaveLength(1);

    await proxy.restore();
    await until(() => connection.isReady);
    expect(await connection.client?.get('a')).toBeNull();
    expect(told).toEqual([
      expect.stringMatching(/^log Redis answers/),
      expect.stringMatching(/^warn Redis at 127\.0\.0\.1:\d+ cannot be used/),
      expect.stringMatching(/^log Redis answers/),
    ]);
    expect(told.join()).not.toContain(new URL(redis.url).password);
  });

  it('gives up on a Redis that is silent', async () => {
    connection = new RedisConnection(settingsFor(proxy.port));
    await until(() => connection.isReady);
    proxy.hang();
    await expect(connection.client?.get('a')).rejects.toThrow(/timed out/);
    await connection.onApplicationShutdown(); // and does not hold up the end
  });

  it('tells once of a Redis that was never there, and ends', async () => {
    await proxy.cut();
    connection = new RedisConnection(settingsFor(proxy.port));
    await sleep(800);
    expect(told).toEqual([expect.stringMatching(/^warn .*ECONNREFUSED/)]);
  });
});
