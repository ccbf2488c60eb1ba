import { type ArgumentsHost, Catch, type ExceptionFilter, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AppError } from './app-error';
import { describeProblem, toAppError } from './problem';
import { PROBLEMS } from './problem-catalogue';
import { type FailureContext, telemetry } from './telemetry';

/** Answers every failed HTTP call with an RFC 9457 problem. What nobody foresaw is logged with its stack. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  catch(thrown: unknown, host: ArgumentsHost): void {
    // Of a resolver: the endpoint tells it, beside what other fields gave.
    if (host.getType<string>() === 'graphql') throw thrown;
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const error = toAppError(thrown);
    tellFailure(error, { requestId: request.id, route: request.routeOptions.url });
    if (reply.sent) return;
    const { answerFailure } = request.routeOptions.config;
    if (answerFailure !== undefined) {
      answerFailure(error, request, reply);
      return;
    }
    const problem = describeProblem(error, request);
    void reply.status(problem.status).headers(problem.headers).send(problem.body);
  }
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Answers failed calls of this route in a form of its own, in place of a problem. */
    readonly answerFailure?: (error: AppError, request: FastifyRequest, reply: FastifyReply) => void;
  }
}

const logger = new Logger(ProblemFilter.name);

/**
 * Tells the operators of a failure that is not the caller's: in the log, and where nobody foresaw it, to the error
 * tracking.
 */
export function tellFailure(error: AppError, context: FailureContext): void {
  const { status } = PROBLEMS[error.slug];
  if (error.slug === 'internal') {
    const cause = error.cause ?? error;
    logger.error({ err: cause }, 'unexpected failure');
    telemetry.report(cause, context);
  } else if (status >= 500) {
    const line = { slug: error.slug, cause: describeCause(error.cause) };
    if (wasTried(error)) logger.warn(line, error.message);
    else logger.debug(line, error.message);
  }
}

/**
 * A call to the source that failed has a cause. Without one it was not made: a lockout, an open breaker or a fault of the
 * configuration stands against it, which is told once, when it begins, and not by each call until it ends.
 */
function wasTried({ slug, cause }: AppError): boolean {
  return cause !== undefined || !['source-error', 'source-unavailable'].includes(slug);
}

function describeCause(cause: unknown): string | undefined {
  return cause instanceof Error ? `${cause.name}: ${cause.message}` : undefined;
}
