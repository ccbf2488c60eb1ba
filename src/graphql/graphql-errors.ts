import type { GraphQLError, GraphQLFormattedError } from 'graphql';
import { AppError } from '../common/app-error';
import { toAppError } from '../common/problem';
import { tellFailure } from '../common/problem.filter';

/** Names that graphql-js proposes in place of a wrong one. */
const SUGGESTION = / Did you mean .*\?$/s;

/**
 * What resolvers threw, in the words of the problems of REST: the slug is the code. What nobody foresaw is logged, and masked.
 */
export function describeFieldError(error: GraphQLError, requestId: string): GraphQLFormattedError {
  const { locations, path } = error;
  // Without one, a field had no value where it promises one: a fault of ours.
  const cause = toAppError(error.originalError ?? error);
  tellFailure(cause, { requestId, route: '/graphql' });
  return {
    ...describeAppError(cause, requestId),
    ...(locations === undefined ? {} : { locations }),
    ...(path === undefined ? {} : { path }),
  };
}

/** What is wrong with an operation that was not executed. @param mayExplore whether names may be proposed */
export function describeRequestError(
  { message, locations, extensions }: GraphQLError,
  requestId: string,
  mayExplore: boolean,
): GraphQLFormattedError {
  return {
    message: mayExplore ? message : message.replace(SUGGESTION, ''),
    ...(locations === undefined ? {} : { locations }),
    extensions: { code: 'invalid-request', ...extensions, requestId },
  };
}

/** A problem as an error of GraphQL. */
export function describeAppError(error: AppError, requestId: string): GraphQLFormattedError {
  const { slug, message, fields, retryAfterSeconds } = error;
  return {
    message,
    extensions: {
      code: slug,
      requestId,
      ...(fields.length > 0 ? { errors: fields } : {}),
      ...(retryAfterSeconds === undefined
        ? {}
        : { retryAfterSeconds: Math.max(1, Math.ceil(retryAfterSeconds)) }),
    },
  };
}

/** The challenge to a caller to whom every root field was denied, as REST would have it; else null. */
export function challengeOf(errors: readonly GraphQLError[], rootFields: number): string | null {
  const challenges = errors.map(({ originalError, path }) =>
    originalError instanceof AppError && originalError.slug === 'insufficient-scope' && path?.length === 1
      ? originalError.headers['www-authenticate']
      : undefined,
  );
  const isAll = challenges.length === rootFields && challenges.every((each) => each !== undefined);
  return (isAll ? challenges[0] : undefined) ?? null;
}
