import { z } from 'zod';
import { AppError } from '../common/app-error';
import { checkInput } from '../common/input.pipe';
import { noQuery } from '../common/page';

/** What is asked of the endpoint (GraphQL over HTTP, section "Request Parameters"). */
const parameters = z
  .strictObject({
    query: z.string().nullish(),
    operationName: z.string().nullish(),
    variables: z.record(z.string(), z.unknown(), { error: 'must be an object' }).nullish(),
    extensions: z
      .looseObject(
        {
          persistedQuery: z
            .looseObject({
              version: z.literal(1, { error: 'must be 1' }),
              sha256Hash: z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in lower-case hexadecimal'),
            })
            .optional(),
        },
        { error: 'must be an object' },
      )
      .nullish(),
  })
  .transform(({ query, operationName, variables, extensions }) => ({
    query: query ?? null,
    // Empty is as good as none (GraphQL over HTTP).
    operationName: operationName === '' ? undefined : (operationName ?? undefined),
    variables: variables ?? {},
    hash: extensions?.persistedQuery?.sha256Hash ?? null,
  }))
  .refine(({ query, hash }) => query !== null || hash !== null, { path: ['query'], error: 'is missing' });

export type OperationRequest = z.output<typeof parameters>;

/**
 * What a POST asks for.
 * @param query of its address, which has to be empty
 * @throws AppError `invalid-request`
 */
export async function readBody(body: unknown, query: unknown): Promise<OperationRequest> {
  await checkInput(noQuery, query, 'query');
  if (Array.isArray(body)) {
    const message = 'must be one operation: lists of them are not taken';
    throw new AppError('invalid-request', `body: ${message}`, { fields: [{ field: 'body', message }] });
  }
  return checkInput(parameters, body, 'body');
}

/** The same out of the query of a GET, where `variables` and `extensions` are JSON. @throws AppError `invalid-request` */
export function readQuery(query: Readonly<Record<string, unknown>>): Promise<OperationRequest> {
  const { variables, extensions, ...rest } = query;
  return checkInput(
    parameters,
    {
      ...rest,
      variables: parseJson('variables', variables),
      extensions: parseJson('extensions', extensions),
    },
    'query',
  );
}

function parseJson(field: string, text: unknown): unknown {
  if (text === undefined || text === '') return undefined;
  try {
    if (typeof text !== 'string') throw new TypeError('given several times');
    return JSON.parse(text);
  } catch {
    const message = 'must be JSON';
    throw new AppError('invalid-request', `${field}: ${message}`, { fields: [{ field, message }] });
  }
}
