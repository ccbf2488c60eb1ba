import type { Answer, TestApp } from './app';

/** The form with true status codes. */
const RESPONSE = 'application/graphql-response+json';

export interface GraphqlOptions {
  readonly variables?: Record<string, unknown>;
  readonly operationName?: string;
  /** The admin's unless another, or null for none, is given. */
  readonly token?: string | null;
  readonly accept?: string;
  readonly headers?: Record<string, string>;
}

/** Sends an operation, and reads the answer whatever its status. */
export function ask(service: TestApp, query: string, options: GraphqlOptions = {}): Promise<Answer> {
  const { variables, operationName, accept = RESPONSE, token, headers = {} } = options;
  return service.call('POST', '/graphql', {
    ...(token === undefined ? {} : { token }),
    json: { query, variables, operationName },
    headers: { accept, ...headers },
  });
}

/** The data of an operation that has to succeed in full. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- of every shape
export async function dataOf(service: TestApp, query: string, options: GraphqlOptions = {}): Promise<any> {
  const { status, text } = await ask(service, query, options);
  const { data, errors } = JSON.parse(text) as { data?: unknown; errors?: unknown };
  if (status !== 200 || errors !== undefined) throw new Error(`answered ${status}: ${text}`);
  return data;
}

/** Codes of the errors of an answer, in order. */
export const codesOf = ({ text }: Answer): string[] =>
  (JSON.parse(text) as { errors: { extensions: { code: string } }[] }).errors.map(
    ({ extensions }) => extensions.code,
  );

/** All of a track that REST shows. */
export const TRACK_FIELDS = `
  isrc title
  artists { id name url }
  album { id title type releaseDate releaseDatePrecision totalTracks upc label url }
  coverImage { url width height }
  images { url width height }
  durationMs explicit popularity discNumber trackNumber previewUrl availableMarkets
  source { name id url fetchedAt }
  match { rule candidates market }
  createdAt updatedAt
`;
