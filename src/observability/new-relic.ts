import type { FastifyInstance } from 'fastify';
import newrelic from 'newrelic';
import type { FailureContext, Note, Operation, TelemetrySink } from '../common/telemetry';

/**
 * New Relic's agent, which follows Node's HTTP, mysql2, pg and ioredis by itself, from the moment it is loaded: this file is
 * loaded before all of them. What it cannot know is told it here: the template of the route, statements of SQLite, turns of
 * imports, and errors that were answered.
 */
export class NewRelicSink implements TelemetrySink {
  followCalls(server: FastifyInstance): void {
    server.addHook('onRequest', (request, _reply, done) => {
      newrelic.setTransactionName(`${request.method} ${request.routeOptions.url ?? '(no route)'}`);
      done();
    });
  }

  async follow<T>({ name, kind, attributes }: Operation, work: (note: Note) => Promise<T>): Promise<T> {
    const noteNothing: Note = () => undefined;
    if (name === 'import turn') return newrelic.startBackgroundTransaction(name, () => work(noteNothing));
    if (kind === 'internal') return newrelic.startSegment(name, true, () => work(noteNothing));
    if (attributes['db.system.name'] !== 'sqlite') return work(noteNothing);
    return newrelic.startSegment(`SQLite/${name}`, true, () => work(noteNothing));
  }

  report(error: unknown, context: FailureContext): void {
    const known = Object.entries(context).filter(
      (entry): entry is [string, string] => entry[1] !== undefined,
    );
    newrelic.noticeError(
      error instanceof Error ? error : new Error(String(error)),
      Object.fromEntries(known),
    );
  }

  async flush(): Promise<void> {
    await new Promise<void>((resolve) => {
      newrelic.shutdown({ collectPendingData: true, timeout: 2500 }, () => {
        resolve();
      });
    });
  }
}
