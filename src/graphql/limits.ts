import { maxAliasesRule } from '@escape.tech/graphql-armor-max-aliases';
import { maxDepthRule } from '@escape.tech/graphql-armor-max-depth';
import { maxDirectivesRule } from '@escape.tech/graphql-armor-max-directives';
import { GraphQLError, type ValidationContext, type ValidationRule } from 'graphql';

/** Of one document. The README tells them. */
export const MAX_TOKENS = 1000;
const MAX_DEPTH = 10;
const MAX_ALIASES = 15;
const MAX_DIRECTIVES = 20;
/** Of one operation, in calls of REST that would do the same. */
export const MAX_COST = 500;

/** A limit of ours is broken: refused whatever the media type, and not executed. */
export class LimitError extends GraphQLError {
  constructor(message: string, facts: Readonly<Record<string, number>>) {
    super(message, { extensions: { ...facts } });
  }
}

const reporting = (name: string, limit: number) => ({
  n: limit,
  propagateOnRejection: false,
  onReject: [
    (context: ValidationContext | null) => {
      context?.reportError(new LimitError(`The document has more than ${limit} ${name}.`, { limit }));
    },
  ],
});

/** Held against a document before the rules of GraphQL, which take longer the more there is of these. */
export const LIMIT_RULES: readonly ValidationRule[] = [
  maxDepthRule({ ...reporting('levels of fields', MAX_DEPTH), flattenFragments: true }),
  maxAliasesRule(reporting('aliases', MAX_ALIASES)),
  maxDirectivesRule(reporting('directives', MAX_DIRECTIVES)),
];
