import { Redis } from 'ioredis';
import { type Finding, Findings, reasonOf } from '../common/finding';
import type { RedisAddress } from '../config/redis-url';
import { toRedisOptions } from './redis-connection';

/** What BullMQ needs (XADD trimming, blocking moves). */
const OLDEST_MAJOR = 6;

/** Examines the Redis that the settings name, by a connection of its own. */
export async function examineRedis(address: RedisAddress): Promise<Finding[]> {
  const findings = new Findings('redis');
  const place = `Redis at ${address.host}:${address.port}`;
  const client = new Redis({
    ...toRedisOptions(address),
    lazyConnect: true,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
  });
  let reason = '';
  client.on('error', (error: Error) => {
    reason = reasonOf(error);
  });
  try {
    await client.connect();
    const about = await client.info();
    const version = /^redis_version:(\S+)/m.exec(about)?.[1] ?? '?';
    const policy = /^maxmemory_policy:(\S+)/m.exec(about)?.[1] ?? 'noeviction';
    findings.ok(`Redis ${version} at ${address.host}:${address.port}`);
    if (Number.parseInt(version, 10) < OLDEST_MAJOR)
      findings.fail(`Redis ${version} is too old`, `upgrade to ${OLDEST_MAJOR}.2 or newer.`);
    if (/^role:slave/m.test(about))
      findings.fail(`${place} is a read-only replica`, 'REDIS_URL has to name the primary.');
    if (policy !== 'noeviction')
      findings.warn(
        `its maxmemory-policy is ${policy}: it may drop announcements and counts`,
        'set maxmemory-policy noeviction.',
      );
  } catch (error) {
    findings.fail(
      `${place} cannot be used: ${reason === '' ? reasonOf(error) : reason}`,
      'check REDIS_URL; the service runs without it meanwhile, each process counting limits alone.',
    );
  } finally {
    client.disconnect();
  }
  return findings.all;
}
