import type { FastifyReply } from 'fastify';
import { AppError } from './app-error';

/** Ends what was done for a caller who closed the connection. Nobody reads the answer; the log has 408, no fault of ours. */
export class CallerGoneError extends AppError {
  constructor() {
    super('request-timeout', 'The caller closed the connection before the answer was ready.');
  }
}

/** Aborted when the connection closes before the reply is finished. */
export function callerSignal({ raw }: FastifyReply): AbortSignal {
  const gone = new AbortController();
  raw.once('close', () => {
    if (!raw.writableFinished) gone.abort(new CallerGoneError());
  });
  return gone.signal;
}
