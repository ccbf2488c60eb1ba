import type { FastifyInstance, FastifyRequest } from 'fastify';

/** A piece of work as traces name it. Attributes go by OpenTelemetry's semantic conventions and hold no secret. */
export interface Operation {
  readonly name: string;
  readonly kind: 'client' | 'internal';
  readonly attributes: Readonly<Record<string, string | number>>;
}

/** What is told of an operation once it is over, beside its success or failure. */
export type Note = (attributes: Readonly<Record<string, string | number>>) => void;

/** Where a failure that nobody foresaw happened. */
export interface FailureContext {
  readonly requestId?: string | undefined;
  /** Template of the route, never the path. */
  readonly route?: string | undefined;
  /** A piece of background work: `import`. */
  readonly job?: string | undefined;
}

/** A sink of telemetry: error tracking, performance monitoring or traces. None of its methods may throw or wait for the network. */
export interface TelemetrySink {
  /** Follows every call that this server answers. */
  followCalls?(server: FastifyInstance): void;
  /** Does the work as a part of what is being followed. */
  follow?<T>(operation: Operation, work: (note: Note) => Promise<T>): Promise<T>;
  /** Headers that let the next service go on with the trace. */
  headersToPassOn?(): Readonly<Record<string, string>>;
  /** What log lines carry, of a call or of the work being done. */
  logFields?(request?: FastifyRequest): Readonly<Record<string, string>> | undefined;
  /** Takes an error that nobody foresaw. */
  report?(error: unknown, context: FailureContext): void;
  /** Sends what was not sent yet. */
  flush?(): Promise<void>;
}

/** A statement that the database answered or refused. */
export interface Statement {
  /** With placeholders, without values. */
  readonly text: string;
  /** `SELECT`, `INSERT`, in upper case. */
  readonly verb: string;
  readonly seconds: number;
  readonly hasFailed: boolean;
}

const FLUSH_TIMEOUT_MS = 3000;
const NOTE_NOTHING: Note = () => undefined;
const NO_HEADERS = {};

type Follower = TelemetrySink & Required<Pick<TelemetrySink, 'follow'>>;

function isFollower(sink: TelemetrySink): sink is Follower {
  return sink.follow !== undefined;
}

/** All sinks of the process. Without one, everything here is free. */
class Telemetry {
  private readonly sinks: TelemetrySink[] = [];
  private readonly statementListeners = new Set<(statement: Statement) => void>();
  private readonly followers: Follower[] = [];

  use(sink: TelemetrySink): void {
    this.sinks.push(sink);
    if (isFollower(sink)) this.followers.push(sink);
  }

  /** Whether calls are followed on their way: those who answer past the hooks of the server would not be seen. */
  get followsCalls(): boolean {
    return this.sinks.some((sink) => sink.followCalls !== undefined);
  }

  /** Whether somebody wants to know of work; whoever describes it at some cost asks first. */
  get followsWork(): boolean {
    return this.followers.length > 0;
  }

  /** Has the listener told of every statement, until the function returned is called. */
  onStatement(listener: (statement: Statement) => void): () => void {
    this.statementListeners.add(listener);
    return () => void this.statementListeners.delete(listener);
  }

  noteStatement(statement: Statement): void {
    for (const listener of this.statementListeners) listener(statement);
  }

  followCalls(server: FastifyInstance): void {
    for (const sink of this.sinks) sink.followCalls?.(server);
  }

  /** Does the work, seen by every sink. Its result and its failure come through untouched. */
  async follow<T>(operation: Operation, work: (note: Note) => Promise<T>): Promise<T> {
    const [first, second] = this.followers;
    if (first === undefined) return work(NOTE_NOTHING);
    if (second === undefined) return first.follow(operation, work);
    return first.follow(operation, (note) =>
      second.follow(operation, (noteToo) =>
        work((attributes) => {
          note(attributes);
          noteToo(attributes);
        }),
      ),
    );
  }

  headersToPassOn(): Readonly<Record<string, string>> {
    for (const sink of this.sinks) {
      const headers = sink.headersToPassOn?.();
      if (headers !== undefined) return headers;
    }
    return NO_HEADERS;
  }

  logFields(request?: FastifyRequest): Readonly<Record<string, string>> | undefined {
    for (const sink of this.sinks) {
      const fields = sink.logFields?.(request);
      if (fields !== undefined) return fields;
    }
    return undefined;
  }

  report(error: unknown, context: FailureContext): void {
    for (const sink of this.sinks) sink.report?.(error, context);
  }

  /** Waits until all is sent, three seconds at most: a sink that hangs holds no shutdown up. */
  async flush(): Promise<void> {
    if (this.sinks.length === 0) return;
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, FLUSH_TIMEOUT_MS);
    });
    await Promise.race([Promise.allSettled(this.sinks.map(async (sink) => sink.flush?.())), patience]);
    clearTimeout(timer);
  }
}

/** The process's own, filled before the app is made: agents have to be there before what they follow is loaded. */
export const telemetry = new Telemetry();
