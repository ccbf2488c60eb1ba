import { Injectable } from '@nestjs/common';
import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { VERSION } from '../config/version';

/** Seconds: from what a stored track costs to what a slow source does. */
const DURATION_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Whatever else a client thinks of as a method is one series. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/**
 * What the process counts, in the text format of Prometheus. Names begin with `deadwax_`, but for Node's own. Labels come
 * from small fixed sets: never an ISRC, a name, a path or a token.
 */
@Injectable()
export class Metrics {
  readonly registry = new Registry();
  private readonly updates: (() => Promise<void>)[] = [];
  private readonly requests = new Histogram({
    name: 'deadwax_http_request_duration_seconds',
    help: 'Time to answer, by the template of the route',
    labelNames: ['method', 'route', 'status'] as const,
    buckets: DURATION_BUCKETS,
    registers: [this.registry],
  });

  constructor() {
    collectDefaultMetrics({ register: this.registry });
    new Gauge({
      name: 'deadwax_build_info',
      help: 'Always 1; the labels say what runs',
      labelNames: ['version', 'node'] as const,
      registers: [this.registry],
    }).set({ version: VERSION, node: process.version }, 1);
  }

  /** Counts every call that the server answers. */
  measureRequests(server: FastifyInstance): void {
    server.addHook('onResponse', (request, reply, done) => {
      this.requests.observe(
        {
          method: METHODS.has(request.method) ? request.method : 'other',
          route: request.routeOptions.url ?? 'none',
          status: reply.statusCode,
        },
        reply.elapsedTime / 1000,
      );
      done();
    });
  }

  /** Has figures brought up to date before each description. An update that fails leaves the figures as they were. */
  beforeEach(update: () => Promise<void>): void {
    this.updates.push(update);
  }

  /** All figures now, as `registry.contentType` has it. */
  async describe(): Promise<string> {
    await Promise.allSettled(this.updates.map((update) => update()));
    return this.registry.metrics();
  }
}
