import { Inject, Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { Redis, type RedisOptions } from 'ioredis';
import type { RedisAddress } from '../config/redis-url';
import { type Settings, settings } from '../config/settings';

const CONNECT_TIMEOUT_MS = 2_000;
/** A Redis that is silent for longer is as good as gone. */
const COMMAND_TIMEOUT_MS = 1_000;
const FIRST_RETRY_MS = 50;
const LONGEST_RETRY_MS = 2_000;
/** What a polite goodbye may take when the process stops. */
const QUIT_TIMEOUT_MS = 500;

/**
 * The options of a connection that comes back by itself: for those who need one of their own (BullMQ, which adds
 * `maxRetriesPerRequest: null`). Attempts are never given up, and never closer than `FIRST_RETRY_MS`.
 */
export function toRedisOptions(address: RedisAddress): RedisOptions {
  const { host, port, user, password, database, hasTls } = address;
  return {
    host,
    port,
    db: database,
    ...(user === null ? {} : { username: user }),
    ...(password === null ? {} : { password }),
    ...(hasTls ? { tls: {} } : {}),
    connectionName: 'deadwax',
    connectTimeout: CONNECT_TIMEOUT_MS,
    disconnectTimeout: QUIT_TIMEOUT_MS,
    retryStrategy: (attempt) => Math.min(FIRST_RETRY_MS * 2 ** Math.min(attempt - 1, 10), LONGEST_RETRY_MS),
  };
}

/**
 * The process' connection for short commands, or none without `REDIS_URL`. While Redis is away commands fail at once:
 * none is queued. Each loss and each return is logged once.
 */
@Injectable()
export class RedisConnection implements OnApplicationShutdown {
  /** Null: no `REDIS_URL`. */
  readonly client: Redis | null;
  private readonly logger = new Logger(RedisConnection.name);
  private isTold = false;

  constructor(@Inject(settings.KEY) { redis }: Settings) {
    this.client = redis === null ? null : this.connect(redis);
  }

  /** Whether commands can be sent now. */
  get isReady(): boolean {
    return this.client?.status === 'ready';
  }

  async onApplicationShutdown(): Promise<void> {
    const { client } = this;
    if (client === null) return;
    if (this.isReady) {
      let timer: NodeJS.Timeout | undefined;
      const isLate = new Promise((resolve) => (timer = setTimeout(resolve, QUIT_TIMEOUT_MS)));
      await Promise.race([client.quit().catch(() => undefined), isLate]);
      clearTimeout(timer);
    }
    client.disconnect();
  }

  private connect(address: RedisAddress): Redis {
    const place = `${address.host}:${address.port}`;
    const client = new Redis({
      ...toRedisOptions(address),
      commandTimeout: COMMAND_TIMEOUT_MS,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      autoResendUnfulfilledCommands: false,
    });
    client.on('ready', () => {
      this.logger.log(`Redis answers at ${place}`);
      this.isTold = false;
    });
    const tell = (reason: string): void => {
      if (this.isTold) return;
      this.isTold = true;
      this.logger.warn(`Redis at ${place} cannot be used (${reason}); trying again, and going on without it`);
    };
    client.on('error', (error: Error) => {
      tell(messageOf(error));
    });
    client.on('reconnecting', () => {
      tell('the connection was lost');
    });
    return client;
  }
}

/** Node tries each address of a host and reports the failures together, without a message of its own. */
function messageOf(error: Error): string {
  return error instanceof AggregateError && error.message === ''
    ? String((error.errors[0] as Error | undefined)?.message)
    : error.message;
}
