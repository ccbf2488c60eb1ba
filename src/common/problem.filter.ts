import { type ArgumentsHost, Catch, type ExceptionFilter, Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AppError } from './app-error';
import { describeProblem, toAppError } from './problem';
import { PROBLEMS } from './problem-catalogue';

/** Answers every failed HTTP call with an RFC 9457 problem. What nobody foresaw is logged with its stack. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  private readonly logger = new Logger(ProblemFilter.name);

  catch(thrown: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const error = toAppError(thrown);
    const { status } = PROBLEMS[error.slug];
    if (error.slug === 'internal') this.logger.error({ err: error.cause ?? error }, 'unexpected failure');
    else if (status >= 500) {
      const line = { slug: error.slug, cause: describeCause(error.cause) };
      if (wasTried(error)) this.logger.warn(line, error.message);
      else this.logger.debug(line, error.message);
    }
    if (reply.sent) return;
    const problem = describeProblem(error, request);
    void reply.status(problem.status).headers(problem.headers).send(problem.body);
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
