import { Inject, Injectable, Logger } from '@nestjs/common';
import { type ConnectionOptions, type Job, Queue, Worker } from 'bullmq';
import { type Settings, settings } from '../config/settings';
import { RedisConnection, toRedisOptions } from '../redis/redis-connection';

const NAME = 'deadwax-imports';
/** A replica that dies with a turn frees it after this; the rows it had have a lease of their own. */
const LOCK_MS = 15_000;
/** What a goodbye may take when the process stops. */
const CLOSE_MS = 1_000;

interface TurnJob {
  readonly importId: string;
}

/**
 * Turns of imports, shared out among replicas by Redis (BullMQ). A job says no more than that an import has work: the ledger in the
 * database is the truth, so that a Redis that is emptied or lost costs nothing. Without `REDIS_URL` it is never ready.
 */
@Injectable()
export class ImportQueue {
  private readonly logger = new Logger(ImportQueue.name);
  private queue: Queue<TurnJob, boolean> | null = null;
  private worker: Worker<TurnJob, boolean> | null = null;

  constructor(
    @Inject(settings.KEY) private readonly settings: Settings,
    private readonly redis: RedisConnection,
  ) {}

  /** Whether turns can be announced now. */
  get isReady(): boolean {
    return this.queue !== null && this.redis.isReady;
  }

  /** @param turn does one turn of an import; false where there was nothing to do */
  open(turn: (importId: string) => Promise<boolean>): void {
    const { redis } = this.settings;
    if (redis === null) return;
    const options = toRedisOptions(redis);
    this.queue = new Queue(NAME, {
      connection: { ...options, enableOfflineQueue: false, maxRetriesPerRequest: 0 } as ConnectionOptions,
      defaultJobOptions: { removeOnComplete: true, removeOnFail: true },
    });
    this.worker = new Worker(NAME, ({ data }: Job<TurnJob>) => turn(data.importId), {
      connection: { ...options, maxRetriesPerRequest: null } as ConnectionOptions, // as its blocking reads want it
      concurrency: 1,
      lockDuration: LOCK_MS,
      stalledInterval: LOCK_MS,
    });
    // The connection of the process tells of a Redis that is away; these two would say the same again and again.
    this.queue.on('error', () => undefined);
    this.worker.on('error', () => undefined);
    // At the end of the line again, behind the other imports.
    this.worker.on('completed', ({ data }, hasMore) => {
      if (hasMore) this.announce([data.importId]).catch(() => undefined); // the loop does it anew
    });
    this.worker.on('failed', (job, error) => {
      this.logger.debug(`a turn of ${job?.data.importId ?? 'an import'} failed: ${error.message}`);
    });
  }

  /** Says that these imports have work; one that is announced already is not announced twice. */
  async announce(importIds: readonly string[]): Promise<void> {
    if (importIds.length === 0 || this.queue === null) return;
    await this.queue.addBulk(
      importIds.map((importId) => ({ name: 'turn', data: { importId }, opts: { jobId: importId } })),
    );
  }

  /** After the running turn has ended. */
  async close(): Promise<void> {
    const goodbye = Promise.allSettled([this.worker?.close(), this.queue?.close()]);
    let timer: NodeJS.Timeout | undefined;
    const isLate = new Promise((resolve) => (timer = setTimeout(resolve, CLOSE_MS)));
    await Promise.race([goodbye, isLate]);
    clearTimeout(timer);
    [this.worker, this.queue] = [null, null];
  }
}
