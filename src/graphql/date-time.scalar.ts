import { GraphQLScalarType } from 'graphql';

/** A moment as REST has it. It only goes out: views hold it as text already. */
export const DateTime = new GraphQLScalarType<string, string>({
  name: 'DateTime',
  description: 'A moment in UTC, to the millisecond (RFC 3339): 2026-11-22T10:00:00.000Z.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc3339',
  serialize: (value) => value as string,
});
