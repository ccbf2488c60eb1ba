import cluster, { type Worker } from 'node:cluster';
import {
  AggregatorRegistry,
  Counter,
  Gauge,
  type MetricObjectWithValues,
  type MetricValue,
  Registry,
} from 'prom-client';

/** A worker that does not answer by then is told by its last figures. */
const PATIENCE_MS = 1_500;
/** What a worker waits for the primary's answer: longer than the primary waits for the slowest worker. */
const ANSWER_TIMEOUT_MS = 2 * PATIENCE_MS;

/** Every process has it, so that its figure is there where there are no workers; the primary alone counts. */
export function workerRestarts(registry: Registry): Counter {
  return new Counter({
    name: 'deadwax_worker_restarts_total',
    help: 'Workers that ended and were replaced (WEB_CONCURRENCY)',
    registers: [registry],
  });
}

type Figures = MetricObjectWithValues<MetricValue<string>>[];

/** What primary and workers say to each other about figures. */
type FiguresMessage =
  | { readonly deadwaxFigures: 'of-all?' | 'yours?'; readonly id: number }
  | { readonly deadwaxFigures: 'mine'; readonly id: number; readonly figures: Figures }
  | { readonly deadwaxFigures: 'of-all'; readonly id: number; readonly text: string };

/**
 * Puts the figures of all workers together, in the primary: whichever worker is scraped tells those of all. Counts of
 * workers that ended stay in the sum, as they were last told: a count never goes down, so rates stay right.
 */
export class WorkersFigures {
  private readonly latest = new Map<number, Figures>();
  private departed: Figures = [];
  private kept = Promise.resolve();
  private readonly answers = new Map<string, (figures: Figures) => void>();
  private asked = 0;
  private readonly own = new Registry();
  private readonly restarts = workerRestarts(this.own);

  /** @param ready workers that serve; one that starts would not answer */
  constructor(private readonly ready: () => Worker[]) {
    // Of workers the library leaves it out: that of the whole is this process's.
    new Gauge({
      name: 'process_start_time_seconds',
      help: 'Start time of the process above the workers since unix epoch in seconds.',
      registers: [this.own],
      aggregator: 'first',
    }).set(Math.round(Date.now() / 1000 - process.uptime()));
    cluster.on('message', (worker, message: unknown) => {
      if (!isFiguresMessage(message)) return;
      if (message.deadwaxFigures === 'mine')
        this.answers.get(`${worker.id} ${message.id}`)?.(message.figures);
      else if (message.deadwaxFigures === 'of-all?') void this.tellAll(worker, message.id);
    });
    cluster.on('exit', (worker) => {
      const figures = this.latest.get(worker.id) ?? [];
      this.latest.delete(worker.id);
      this.kept = this.kept.then(() => this.keepCounts(figures));
    });
  }

  /** To be called for each worker that another replaces. */
  countRestart(): void {
    this.restarts.inc();
  }

  private async tellAll(asker: Worker, id: number): Promise<void> {
    await Promise.all(this.ready().map((worker) => this.ask(worker)));
    await this.kept;
    const all = [await this.own.getMetricsAsJSON(), this.departed, ...this.latest.values()];
    const text = await AggregatorRegistry.aggregate(all).metrics();
    send(asker, { deadwaxFigures: 'of-all', id, text });
  }

  private async ask(worker: Worker): Promise<void> {
    const id = ++this.asked;
    const key = `${worker.id} ${id}`;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, PATIENCE_MS);
      this.answers.set(key, (figures) => {
        if (!worker.isDead()) this.latest.set(worker.id, figures);
        clearTimeout(timer);
        resolve();
      });
      send(worker, { deadwaxFigures: 'yours?', id });
    });
    this.answers.delete(key);
  }

  private async keepCounts(figures: Figures): Promise<void> {
    const counts = figures.filter(({ type }) => ['counter', 'histogram'].includes(String(type)));
    this.departed = await AggregatorRegistry.aggregate([this.departed, counts]).getMetricsAsJSON();
  }
}

/** The end of a worker: it tells the primary its figures when asked, and asks for those of all. */
export class WorkerFigures {
  private readonly answers = new Map<number, (text: string) => void>();
  private asked = 0;
  private readonly listener = (message: unknown): void => {
    if (!isFiguresMessage(message)) return;
    if (message.deadwaxFigures === 'of-all') this.answers.get(message.id)?.(message.text);
    else if (message.deadwaxFigures === 'yours?') void this.tellOwn(message.id);
  };

  /** @param readOwn brings the figures of this worker up to date */
  constructor(private readonly readOwn: () => Promise<Registry>) {
    process.on('message', this.listener);
  }

  /** @throws Error where the primary does not answer: figures of one worker alone would look like counts that fell */
  async ofAll(): Promise<string> {
    const id = ++this.asked;
    try {
      return await new Promise<string>((resolve, reject) => {
        const timer = setTimeout(() => {
          reject(new Error('the primary does not tell the figures of all workers'));
        }, ANSWER_TIMEOUT_MS);
        this.answers.set(id, (text) => {
          clearTimeout(timer);
          resolve(text);
        });
        process.send?.({ deadwaxFigures: 'of-all?', id } satisfies FiguresMessage);
      });
    } finally {
      this.answers.delete(id);
    }
  }

  close(): void {
    process.off('message', this.listener);
  }

  private async tellOwn(id: number): Promise<void> {
    const registry = await this.readOwn();
    const figures = await registry.getMetricsAsJSON();
    process.send?.({ deadwaxFigures: 'mine', id, figures } satisfies FiguresMessage, () => undefined);
  }
}

function send(worker: Worker, message: FiguresMessage): void {
  if (worker.isConnected()) worker.send(message, () => undefined);
}

function isFiguresMessage(message: unknown): message is FiguresMessage {
  return typeof message === 'object' && message !== null && 'deadwaxFigures' in message;
}
