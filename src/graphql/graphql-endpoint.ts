import { Injectable } from '@nestjs/common';
import { GraphQLSchemaHost } from '@nestjs/graphql';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type ExecutionResult, type FormattedExecutionResult, GraphQLError } from 'graphql';
import { AppError } from '../common/app-error';
import { varyBy } from '../common/cors';
import { preferredType } from '../common/media-type';
import { describeProblem } from '../common/problem';
import { CallerGate } from './caller-gate';
import { Documents, type Operation } from './documents';
import { GraphqlContext } from './graphql-context';
import { challengeOf, describeAppError, describeFieldError, describeRequestError } from './graphql-errors';
import { asksForPage, GraphiqlPage } from './graphiql-page';
import { LimitError, MAX_COST } from './limits';
import { type OperationRequest, readBody, readQuery } from './operation-request';
import { PersistedQueries } from './persisted-queries';

export const GRAPHQL_PATH = '/graphql';

/** The form with true status codes, and the one that clients knew before it: the latter where the caller has no wish. */
const RESPONSE = 'application/graphql-response+json';
const LEGACY = 'application/json';
const CHARSET = '; charset=utf-8';

/** An answer: its status is the one of the true form; `isWellFormed` where the old form hides it behind 200. */
interface Outcome {
  readonly status: number;
  readonly body: FormattedExecutionResult;
  readonly isWellFormed: boolean;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * GraphQL over HTTP (the specification of 2025), by graphql-js and graphql-jit alone: limits, status codes and errors are those of
 * this service, and no driver has a say. Who calls was found out by the hooks of the server, as for REST.
 */
@Injectable()
export class GraphqlEndpoint {
  private readonly persisted = new PersistedQueries();
  private documents: Documents | undefined;

  constructor(
    private readonly host: GraphQLSchemaHost,
    private readonly gate: CallerGate,
    private readonly page: GraphiqlPage,
  ) {}

  /** Registers the routes. */
  serve(server: FastifyInstance): void {
    const answerFailure = failGraphql;
    server.post(GRAPHQL_PATH, { config: { produces: [LEGACY, RESPONSE], answerFailure } }, (request, reply) =>
      this.answer(request, reply, readBody(request.body, request.query)),
    );
    const produces = [LEGACY, RESPONSE, ...(this.page.isServed ? ['text/html'] : [])];
    server.get(GRAPHQL_PATH, { config: { produces, answerFailure } }, (request, reply) =>
      this.isPage(request)
        ? this.page.send(reply)
        : this.answer(request, reply, readQuery(request.query as Record<string, unknown>)),
    );
    this.page.serveAssets(server);
  }

  /** Whether the page is asked for, which anybody may have: what it shows, it asks with a token. */
  isPage(request: FastifyRequest): boolean {
    return this.page.isServed && asksForPage(request, [LEGACY, RESPONSE]);
  }

  private async answer(
    request: FastifyRequest,
    reply: FastifyReply,
    asked: Promise<OperationRequest>,
  ): Promise<FastifyReply> {
    const { status, body, isWellFormed, headers } = await this.respond(request, reply, await asked);
    const type = mediaTypeFor(request);
    varyBy(reply, 'Accept');
    if (headers !== undefined) reply.headers(headers);
    return reply
      .status(isWellFormed && type === LEGACY ? 200 : status)
      .header('content-type', type + CHARSET)
      .header('cache-control', 'no-store')
      .send(JSON.stringify(body));
  }

  private async respond(
    request: FastifyRequest,
    reply: FastifyReply,
    asked: OperationRequest,
  ): Promise<Outcome> {
    const mayExplore = this.gate.mayExplore(request);
    const refuse = (errors: readonly GraphQLError[]): Outcome => ({
      status: 400,
      body: { errors: errors.map((error) => describeRequestError(error, request.id, mayExplore)) },
      isWellFormed: !errors.some((error) => error instanceof LimitError),
    });
    let operation: Operation;
    let cost: number;
    try {
      const document = this.read(asked, mayExplore);
      if (document.errors !== null) return refuse(document.errors);
      operation = document.operation(asked.operationName);
      cost = operation.cost.with(asked.variables);
    } catch (error) {
      if (error instanceof GraphQLError) return refuse([error]);
      throw error;
    }
    if (operation.kind === 'mutation' && request.method !== 'POST') {
      throw new AppError('method-not-allowed', 'Mutations are sent by POST.', { headers: { allow: 'POST' } });
    }
    if (cost > MAX_COST) {
      const message = `The operation costs ${cost}, more than ${MAX_COST}.`;
      return refuse([new LimitError(message, { cost, limit: MAX_COST })]);
    }
    if (cost > 1) await this.gate.charge(request, reply, cost - 1);
    const result = await operation.execute(new GraphqlContext(request, reply), asked.variables);
    return describeResult(result, cost, request.id, refuse);
  }

  private read({ query, hash }: OperationRequest, mayExplore: boolean) {
    this.documents ??= new Documents(this.host.schema);
    const text = query ?? this.persisted.find(hash ?? '');
    const document = this.documents.read(text, mayExplore);
    if (query !== null && hash !== null && document.errors === null) this.persisted.keep(hash, query);
    return document;
  }
}

function describeResult(
  { data, errors }: ExecutionResult,
  cost: number,
  requestId: string,
  refuse: (errors: readonly GraphQLError[]) => Outcome,
): Outcome {
  const extensions = { cost };
  if (errors === undefined || errors.length === 0)
    return { status: 200, body: { data: data ?? null, extensions }, isWellFormed: true };
  // The variables did not fit: nothing was executed.
  if (data === undefined) return refuse(errors);
  const described = errors.map((error) => describeFieldError(error, requestId));
  const challenge = challengeOf(errors, Object.keys(data ?? {}).length);
  if (challenge !== null) {
    const headers = { 'www-authenticate': challenge };
    return { status: 403, body: { errors: described }, isWellFormed: false, headers };
  }
  return { status: 200, body: { errors: described, data, extensions }, isWellFormed: true };
}

function mediaTypeFor({ raw }: FastifyRequest): string {
  return preferredType(raw, [LEGACY, RESPONSE]) ?? LEGACY;
}

/** What was refused before an operation was found, by hooks, the parser or ourselves, in the form of GraphQL. */
function failGraphql(error: AppError, request: FastifyRequest, reply: FastifyReply): void {
  const { status, headers } = describeProblem(error, request);
  void reply
    .status(status)
    .headers({ ...headers, 'content-type': mediaTypeFor(request) + CHARSET })
    .send(JSON.stringify({ errors: [describeAppError(error, request.id)] }));
}
