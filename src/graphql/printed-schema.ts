import { type GraphQLSchema, lexicographicSortSchema, printSchema } from 'graphql';

/** The schema as text, in an order of its own: `schema.gql`. */
export function printedSchema(schema: GraphQLSchema): string {
  return `# Written by \`npm run schema:write\`.\n\n${printSchema(lexicographicSortSchema(schema))}\n`;
}
