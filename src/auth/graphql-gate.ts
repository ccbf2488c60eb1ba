import { Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { ClientLimits } from '../client-limits/client-limits';
import { CallerGate } from '../graphql/caller-gate';
import type { AuthenticatedRequest } from './policy.decorators';

/** Tells the GraphQL endpoint what it has to know of callers, whom the guard has admitted before. */
@Injectable()
export class GraphqlGate extends CallerGate {
  constructor(private readonly limits: ClientLimits) {
    super();
  }

  async charge({ caller }: AuthenticatedRequest, reply: FastifyReply, units: number): Promise<void> {
    if (caller === undefined) throw new Error('an operation of a caller who was not admitted');
    const headers = await this.limits.charge(caller, units);
    if (headers !== null) void reply.headers(headers);
  }

  /** The schema tells all that the service can do: for those who look after it (attack matrix, G04). */
  mayExplore({ caller }: AuthenticatedRequest): boolean {
    return caller?.scopes.includes('ops:read') === true;
  }
}
