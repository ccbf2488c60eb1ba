import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import type { FastifyInstance } from 'fastify';
import cluster from 'node:cluster';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { telemetry } from '../common/telemetry';
import { VERSION } from '../config/version';
import { WorkerFigures, workerRestarts } from './worker-metrics';

/** Seconds: from what a stored track costs to what a slow source does. */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const STATEMENTS = new Set(['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'COMMIT']);
/** Whatever else a client thinks of as a method is one series. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

interface MeasuredCall {
  readonly method: string;
  readonly route: string | null;
  readonly status: number;
  readonly durationMs: number;
}

/**
 * What the process counts, in the text format of Prometheus. Names begin with `deadwax_`, but for Node's own. Labels come
 * from small fixed sets: never an ISRC, a name, a path or a token.
 */
@Injectable()
export class Metrics implements OnModuleDestroy {
  readonly registry = new Registry();
  private readonly updates: (() => Promise<void> | void)[] = [];
  private readonly requests = new Histogram({
    name: 'deadwax_http_request_duration_seconds',
    help: 'Time to answer, by the template of the route',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: DURATION_BUCKETS,
    registers: [this.registry],
  });

  private readonly statements = new Histogram({
    name: 'deadwax_database_query_duration_seconds',
    help: 'Time that statements took, the wait for a connection or the file not counted where a transaction holds it',
    labelNames: ['operation', 'outcome'] as const,
    buckets: DURATION_BUCKETS,
    registers: [this.registry],
  });
  private readonly stopListening: () => void;
  /** Null where this process is the only one. */
  private readonly workers = cluster.isWorker ? new WorkerFigures(() => this.update()) : null;

  constructor() {
    collectDefaultMetrics({ register: this.registry });
    // Of workers, the slowest is told: an average hides the one that stands still.
    for (const metric of this.registry.getMetricsAsArray()) {
      if (metric.aggregator === 'average') metric.aggregator = 'max';
    }
    this.stopListening = telemetry.onStatement(({ verb, seconds, hasFailed }) => {
      this.statements.observe(
        { operation: STATEMENTS.has(verb) ? verb : 'other', outcome: hasFailed ? 'error' : 'ok' },
        seconds,
      );
    });
    workerRestarts(this.registry);
    new Gauge({
      name: 'deadwax_build_info',
      help: 'Always 1; the labels say what runs',
      labelNames: ['version', 'node'] as const,
      registers: [this.registry],
      aggregator: 'first',
    }).set({ version: VERSION, node: process.version }, 1);
  }

  onModuleDestroy(): void {
    this.stopListening();
    this.workers?.close();
  }

  /** Counts every call that the server answers. */
  measureRequests(server: FastifyInstance): void {
    server.addHook('onResponse', (request, reply, done) => {
      const { method, routeOptions } = request;
      this.countRequest({
        method,
        route: routeOptions.url ?? null,
        status: reply.statusCode,
        durationMs: reply.elapsedTime,
      });
      done();
    });
  }

  /** Shows how many calls are in hand, wait for their turn, and were refused. */
  measureAdmission({ edge: { admission } }: FastifyInstance): void {
    const registers = [this.registry];
    const inHand = new Gauge({
      name: 'deadwax_admission_in_hand',
      help: 'Calls being worked on; those that wait for something else than this process are not counted',
      registers,
    });
    const waiting = new Gauge({
      name: 'deadwax_admission_waiting',
      help: 'Calls that wait for their turn',
      registers,
    });
    const limit = new Gauge({
      name: 'deadwax_admission_limit',
      help: 'Calls that are worked on at a time',
      registers,
    });
    const refused = new Counter({
      name: 'deadwax_admission_refused_total',
      help: 'Calls refused because too many waited',
      registers,
    });
    this.beforeEach(() => {
      const now = admission.report();
      inHand.set(now.inHand);
      waiting.set(now.waiting);
      limit.set(now.limit);
      refused.reset();
      refused.inc(now.refused);
    });
  }

  /** Counts a call that the server's hooks do not meet. `route`: its template; null where there is none. */
  countRequest({ method, route, status, durationMs }: MeasuredCall): void {
    this.requests.observe(
      { method: METHODS.has(method) ? method : 'other', route: route ?? 'none', status },
      durationMs / 1000,
    );
  }

  /** Has figures brought up to date before each description. An update that fails leaves the figures as they were. */
  beforeEach(update: () => Promise<void> | void): void {
    this.updates.push(update);
  }

  /**
   * All figures now, in the text format of Prometheus; where there are workers, those of all.
   * @throws Error where there are workers and the primary does not answer
   */
  async describe(): Promise<string> {
    return this.workers === null ? (await this.update()).metrics() : this.workers.ofAll();
  }

  private async update(): Promise<Registry> {
    await Promise.allSettled(this.updates.map(async (update) => update()));
    return this.registry;
  }
}
