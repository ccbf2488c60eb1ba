import {
  type DocumentNode,
  execute,
  type ExecutionResult,
  getOperationAST,
  GraphQLError,
  type GraphQLSchema,
  NoSchemaIntrospectionCustomRule,
  type OperationDefinitionNode,
  OperationTypeNode,
  parse,
  specifiedRules,
  validate,
} from 'graphql';
import { compileQuery } from 'graphql-jit';
import { LRUCache } from 'lru-cache';
import { cacheCounts } from '../common/cache-counts';
import { OperationCost } from './cost';
import type { GraphqlContext } from './graphql-context';
import { LIMIT_RULES, LimitError, MAX_TOKENS } from './limits';

/** Of documents kept, at most so many, and so many characters in all: what they are compiled to takes some hundred bytes a character. */
const MAX_DOCUMENTS = 500;
const MAX_KEPT_CHARACTERS = 200_000;
/** Compiling costs as much as some dozen executions without: only what comes again is worth it. */
const COMPILED_AT_USE = 3;
const MAX_ERRORS = 10;
/** As graphql-js puts it, which gives no other sign. */
const TOO_MANY_TOKENS = /Document contains more tha[nt] \d+ tokens/;

type Variables = Readonly<Record<string, unknown>>;

/** An operation that may be executed. */
export interface Operation {
  readonly kind: 'query' | 'mutation';
  readonly cost: OperationCost;
  execute(context: GraphqlContext, variables: Variables): ExecutionResult | Promise<ExecutionResult>;
}

/** A document that was read and held against limits and rules, or what is wrong with it. */
export type ReadDocument =
  | { readonly errors: readonly GraphQLError[] }
  | { readonly errors: null; operation(name: string | undefined): Operation };

/** Reads, checks and compiles documents, and keeps those that were used last. */
export class Documents {
  private readonly kept = new LRUCache<string, ReadDocument>({
    max: MAX_DOCUMENTS,
    maxSize: MAX_KEPT_CHARACTERS,
    sizeCalculation: (_document, text) => text.length + 1,
  });

  constructor(private readonly schema: GraphQLSchema) {}

  /** @param mayExplore whether introspection is allowed */
  read(text: string, mayExplore: boolean): ReadDocument {
    const key = `${mayExplore ? '+' : '-'}${text}`;
    const known = this.kept.get(key);
    cacheCounts.note('graphql-documents', known === undefined ? 'miss' : 'hit');
    if (known !== undefined) return known;
    const read = this.check(text, mayExplore);
    this.kept.set(key, read);
    return read;
  }

  private check(text: string, mayExplore: boolean): ReadDocument {
    let document: DocumentNode;
    try {
      document = parse(text, { maxTokens: MAX_TOKENS });
    } catch (error) {
      if (!(error instanceof GraphQLError)) throw error;
      const isTooLong = TOO_MANY_TOKENS.test(error.message);
      return {
        errors: [
          isTooLong
            ? new LimitError(`The document has more than ${MAX_TOKENS} tokens.`, { limit: MAX_TOKENS })
            : error,
        ],
      };
    }
    const broken = validate(this.schema, document, LIMIT_RULES, { maxErrors: MAX_ERRORS });
    if (broken.length > 0) return { errors: broken };
    const rules = mayExplore ? specifiedRules : [...specifiedRules, NoSchemaIntrospectionCustomRule];
    const errors = validate(this.schema, document, rules, { maxErrors: MAX_ERRORS });
    return errors.length > 0 ? { errors } : new ValidDocument(this.schema, document);
  }
}

class ValidDocument {
  readonly errors = null;
  private readonly operations = new Map<string | undefined, PreparedOperation>();

  constructor(
    private readonly schema: GraphQLSchema,
    private readonly document: DocumentNode,
  ) {}

  /** @throws GraphQLError where there is no such operation, or several and no name */
  operation(name: string | undefined): Operation {
    let operation = this.operations.get(name);
    if (operation === undefined) {
      const node = getOperationAST(this.document, name);
      if (!node) {
        throw new GraphQLError(
          name === undefined
            ? 'The document has several operations, or none: `operationName` has to name one.'
            : 'The document has no operation of this name.',
        );
      }
      if (!this.schema.getRootType(node.operation))
        throw new GraphQLError(`There are no operations of the kind ${node.operation}.`);
      operation = new PreparedOperation(this.schema, this.document, node);
      this.operations.set(name, operation);
    }
    return operation;
  }
}

type Run = (context: GraphqlContext, variables: Variables) => ExecutionResult | Promise<ExecutionResult>;

class PreparedOperation implements Operation {
  readonly kind: 'query' | 'mutation';
  readonly cost: OperationCost;
  private uses = 0;
  private run: Run;

  constructor(
    private readonly schema: GraphQLSchema,
    private readonly document: DocumentNode,
    private readonly node: OperationDefinitionNode,
  ) {
    this.kind = node.operation === OperationTypeNode.MUTATION ? 'mutation' : 'query';
    this.cost = new OperationCost(schema, document, node);
    const operationName = node.name?.value;
    this.run = (contextValue, variableValues) =>
      execute({
        schema,
        document,
        contextValue,
        variableValues,
        ...(operationName === undefined ? {} : { operationName }),
      });
  }

  execute(context: GraphqlContext, variables: Variables): ExecutionResult | Promise<ExecutionResult> {
    this.uses += 1;
    if (this.uses === COMPILED_AT_USE && this.kind === 'query') this.compile();
    return this.run(context, variables);
  }

  /** What the compiler does not take stays with the interpreter. */
  private compile(): void {
    const compiled = compileQuery(this.schema, this.document, this.node.name?.value);
    if (!('query' in compiled)) return;
    this.run = (context, variables) => compiled.query(undefined, context, variables);
  }
}
