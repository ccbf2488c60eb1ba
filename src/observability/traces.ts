import {
  context,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Tracer,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Note, Operation, TelemetrySink } from '../common/telemetry';
import { VERSION } from '../config/version';

const EXPORT_TIMEOUT_MS = 5000;
const KINDS = { client: SpanKind.CLIENT, internal: SpanKind.INTERNAL };

/**
 * Traces over OTLP/HTTP: a span for each call, each statement, each call of the source, each turn of an import and each of its rows. Names and attributes
 * as in OpenTelemetry's semantic conventions for HTTP and databases; `traceparent` (W3C Trace Context) is continued and passed on.
 * What cannot be sent is dropped: 2,048 spans wait at most. The sampler is chosen by OTEL_TRACES_SAMPLER.
 */
export class TraceSink implements TelemetrySink {
  private readonly provider: NodeTracerProvider;
  private readonly tracer: Tracer;
  private readonly spans = new WeakMap<FastifyRequest, Span>();

  /** @param endpoint base address of the collector: spans go to `/v1/traces` below it */
  constructor({ endpoint, environment }: { endpoint: string; environment: string }) {
    const exporter = new OTLPTraceExporter({
      url: `${endpoint}/v1/traces`,
      timeoutMillis: EXPORT_TIMEOUT_MS,
    });
    this.provider = new NodeTracerProvider({
      resource: resourceFromAttributes({
        'service.name': 'deadwax',
        'service.version': VERSION,
        'deployment.environment.name': environment,
        'process.pid': process.pid,
      }),
      spanProcessors: [new BatchSpanProcessor(exporter, { exportTimeoutMillis: EXPORT_TIMEOUT_MS })],
    });
    this.provider.register(); // W3C propagation, and context by AsyncLocalStorage
    this.tracer = this.provider.getTracer('deadwax', VERSION);
  }

  followCalls(server: FastifyInstance): void {
    const enter = (request: FastifyRequest, _reply: FastifyReply, done: () => void): void => {
      const span = this.spans.get(request);
      if (span === undefined) done();
      else context.with(trace.setSpan(context.active(), span), done);
    };
    server.addHook('onRequest', (request, reply, done) => {
      this.spans.set(request, this.begin(request));
      enter(request, reply, done);
    });
    // Reading a body leaves the context of the hook before it.
    server.addHook('preValidation', enter);
    server.addHook('onResponse', (request, reply, done) => {
      const span = this.spans.get(request);
      if (span !== undefined) finish(span, reply);
      done();
    });
  }

  private begin(request: FastifyRequest): Span {
    const route = request.routeOptions.url;
    const parent = propagation.extract(context.active(), request.headers);
    return this.tracer.startSpan(
      route === undefined ? request.method : `${request.method} ${route}`,
      {
        kind: SpanKind.SERVER,
        attributes: {
          'http.request.method': request.method,
          'url.scheme': request.protocol,
          'url.path': request.url.split('?', 1)[0],
          'network.protocol.version': request.raw.httpVersion,
          ...(route === undefined ? {} : { 'http.route': route }),
          'deadwax.request.id': request.id,
        },
      },
      parent,
    );
  }

  async follow<T>({ name, kind, attributes }: Operation, work: (note: Note) => Promise<T>): Promise<T> {
    return this.tracer.startActiveSpan(name, { kind: KINDS[kind], attributes }, async (span) => {
      try {
        return await work((more) => void span.setAttributes(more));
      } catch (error) {
        span.setAttribute('error.type', error instanceof Error ? error.name : 'unknown');
        span.setStatus({ code: SpanStatusCode.ERROR });
        throw error;
      } finally {
        span.end();
      }
    });
  }

  headersToPassOn(): Readonly<Record<string, string>> {
    const headers: Record<string, string> = {};
    propagation.inject(context.active(), headers);
    return headers;
  }

  logFields(request?: FastifyRequest): Readonly<Record<string, string>> | undefined {
    const span = (request && this.spans.get(request)) ?? trace.getActiveSpan();
    if (span === undefined) return undefined;
    const { traceId, spanId, traceFlags } = span.spanContext();
    return { trace_id: traceId, span_id: spanId, trace_flags: traceFlags & TraceFlags.SAMPLED ? '01' : '00' };
  }

  async flush(): Promise<void> {
    await this.provider.forceFlush();
  }
}

function finish(span: Span, reply: FastifyReply): void {
  const { statusCode } = reply;
  span.setAttribute('http.response.status_code', statusCode);
  // Of a server's span, only its own faults are errors.
  if (statusCode >= 500) {
    span.setAttribute('error.type', String(statusCode));
    span.setStatus({ code: SpanStatusCode.ERROR });
  }
  span.end();
}
