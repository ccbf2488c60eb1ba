import {
  type DocumentNode,
  type GraphQLSchema,
  isListType,
  isNonNullType,
  Kind,
  type OperationDefinitionNode,
  type TypeNode,
} from 'graphql';
import { type ComplexityEstimator, fieldExtensionsEstimator, getComplexity } from 'graphql-query-complexity';
import { LRUCache } from 'lru-cache';
import { LimitError } from './limits';

/** Objects in a list whose length nothing tells, reckoned: artists of a track. */
const USUAL_LENGTH = 3;
/** Lists whose length the field above them has reckoned with. */
const OF_CONNECTION = new Set(['edges', 'nodes']);
/** Of an operation with its fragments written out: more are not reckoned with. */
const MAX_FIELDS = 10_000;
/** As the library puts it, which gives no other sign. */
const TOO_MANY_FIELDS = 'maximum allowed number of nodes';
const KEPT_COSTS = 20;
const MAX_KEY_LENGTH = 200;

/** Plain fields are free: what a resolver reads says its cost itself. Of a list, each item counts. */
const plainEstimator: ComplexityEstimator = ({ type, field, childComplexity }) => {
  const isOfConnection = OF_CONNECTION.has(field.name) && type.name.endsWith('Connection');
  const inner = isNonNullType(field.type) ? field.type.ofType : field.type;
  return isListType(inner) && !isOfConnection ? USUAL_LENGTH * childComplexity : childComplexity;
};
const ESTIMATORS = [fieldExtensionsEstimator(), plainEstimator];

/** Variables of these types decide what an operation costs; of lists, only how long they are. */
const COUNTING = new Set(['Int', 'Boolean']);

/**
 * What executing an operation costs, in calls of REST that would do the same: a page is one, whatever its length, and what is read
 * for each of its items is multiplied by how many it may have.
 */
export class OperationCost {
  private readonly counting: readonly string[];
  private readonly known = new LRUCache<string, number>({ max: KEPT_COSTS });

  constructor(
    private readonly schema: GraphQLSchema,
    private readonly document: DocumentNode,
    private readonly operation: OperationDefinitionNode,
  ) {
    this.counting = (operation.variableDefinitions ?? [])
      .filter(({ type }) => isCounting(type))
      .map(({ variable }) => variable.name.value);
  }

  /** @throws GraphQLError where the variables do not fit, LimitError where there are too many fields to reckon with */
  with(variables: Readonly<Record<string, unknown>>): number {
    const key = this.counting.map((name) => tellOf(variables[name])).join();
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const cost = Math.max(1, Math.ceil(this.reckon(variables)));
    if (key.length <= MAX_KEY_LENGTH) this.known.set(key, cost);
    return cost;
  }

  private reckon(variables: Readonly<Record<string, unknown>>): number {
    const operationName = this.operation.name?.value;
    try {
      return getComplexity({
        schema: this.schema,
        query: this.document,
        ...(operationName === undefined ? {} : { operationName }),
        variables,
        estimators: ESTIMATORS,
        maxQueryNodes: MAX_FIELDS,
      });
    } catch (error) {
      if (!(error instanceof Error && error.message.includes(TOO_MANY_FIELDS))) throw error;
      const message = `The operation has more than ${MAX_FIELDS} fields, with its fragments written out.`;
      throw new LimitError(message, { limit: MAX_FIELDS });
    }
  }
}

function isCounting(type: TypeNode): boolean {
  if (type.kind === Kind.NON_NULL_TYPE) return isCounting(type.type);
  return type.kind === Kind.LIST_TYPE || COUNTING.has(type.name.value);
}

function tellOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.length}]`;
  return value === undefined ? '' : JSON.stringify(value);
}
