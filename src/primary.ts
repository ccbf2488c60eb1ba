import cluster, { type Worker } from 'node:cluster';
import pino from 'pino';
import { RateLimiterClusterMaster } from 'rate-limiter-flexible';
import type { Settings } from './config/settings';
import { WorkersFigures } from './observability/worker-metrics';

/** Workers stop by themselves in less; one that is left then is stuck, and ended by force. */
const STOP_TIMEOUT_MS = 24_000;
const FIRST_RESTART_MS = 100;
const LONGEST_RESTART_MS = 10_000;
/** A worker that served for so long did not fall over its start. */
const STEADY_MS = 30_000;

/** What a worker tells the primary. */
export type WorkerMessage =
  | { readonly deadwax: 'ready'; readonly firstToken: string | null }
  /** The settings or the database refuse: no other worker would fare better. */
  | { readonly deadwax: 'fault'; readonly message: string };

/** What the primary tells a worker. */
export interface PrimaryMessage {
  readonly deadwax: 'announce';
  readonly firstToken: string | null;
}

/**
 * The process above the workers (`WEB_CONCURRENCY`). It serves nothing itself: it starts the workers, replaces those that
 * die, keeps the count of the client limits where there is no Redis, and passes signals on. Its exit code is 0 where all
 * workers stopped in time, 1 where a worker could not start in the first place.
 */
export class Primary {
  private readonly logger: pino.Logger;
  private readonly startedMs = new Map<number, number>();
  private readonly ready = new Set<number>();
  private readonly figures = new WorkersFigures(() => this.workers().filter(({ id }) => this.ready.has(id)));
  private restarts = 0;
  private firstToken: string | null = null;
  private isAnnounced = false;
  private isStopping = false;
  private hasFailed = false;

  constructor(private readonly settings: Settings) {
    this.logger = pino({
      level: settings.logLevel,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    });
  }

  run(): void {
    if (this.settings.redis === null) new RateLimiterClusterMaster();
    cluster.on('message', (worker, message: unknown) => {
      if (isWorkerMessage(message)) this.hear(worker, message);
    });
    cluster.on('exit', (worker, code, signal) => {
      this.replace(worker, code, signal);
    });
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (this.isStopping) this.end(1);
        this.stop();
      });
    }
    for (let count = 0; count < this.settings.workers; count++) this.fork();
  }

  private fork(): void {
    const worker = cluster.fork();
    this.startedMs.set(worker.id, performance.now());
  }

  private hear(worker: Worker, message: WorkerMessage): void {
    if (message.deadwax === 'fault') {
      if (this.isAnnounced) {
        this.logger.error({ worker: worker.id }, message.message);
        return;
      }
      process.stderr.write(`${message.message}\n`);
      this.end(1);
    }
    this.ready.add(worker.id);
    this.firstToken ??= message.firstToken;
    if (this.isAnnounced || this.ready.size < this.settings.workers) return;
    this.isAnnounced = true;
    send(worker, { deadwax: 'announce', firstToken: this.firstToken });
    this.firstToken = null;
  }

  private replace(worker: Worker, code: number, signal: string | null): void {
    const servedMs = performance.now() - (this.startedMs.get(worker.id) ?? 0);
    this.startedMs.delete(worker.id);
    this.ready.delete(worker.id);
    if (this.isStopping) {
      // One that was still starting has no handler yet, and just ends.
      this.hasFailed ||= code !== 0 && signal !== 'SIGTERM' && signal !== 'SIGINT';
      if (this.startedMs.size === 0) this.end(this.hasFailed ? 1 : 0);
      return;
    }
    if (servedMs >= STEADY_MS) this.restarts = 0;
    const delayMs = Math.min(FIRST_RESTART_MS * 2 ** this.restarts, LONGEST_RESTART_MS);
    this.restarts++;
    this.figures.countRestart();
    this.logger.warn({ worker: worker.id, code, signal, delayMs }, 'a worker ended; another takes its place');
    setTimeout(() => {
      if (!this.isStopping) this.fork();
    }, delayMs);
  }

  private stop(): void {
    this.isStopping = true;
    if (this.startedMs.size === 0) this.end(0);
    setTimeout(() => {
      this.logger.error({ workers: [...this.startedMs.keys()] }, 'workers do not end: ended by force');
      this.end(0);
    }, STOP_TIMEOUT_MS).unref();
    for (const worker of this.workers()) worker.process.kill('SIGTERM');
  }

  private end(code: number): never {
    for (const worker of this.workers()) worker.process.kill('SIGKILL');
    process.exit(code);
  }

  private workers(): Worker[] {
    return Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
  }
}

/** A worker that is gone meanwhile is told nothing; its end is an event of its own. */
function send(worker: Worker, message: PrimaryMessage): void {
  if (worker.isConnected()) worker.send(message, () => undefined);
}

/** The library of the client limits speaks over the same line. */
function isWorkerMessage(message: unknown): message is WorkerMessage {
  return typeof message === 'object' && message !== null && 'deadwax' in message;
}
