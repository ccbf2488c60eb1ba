import type { FastifyReply, FastifyRequest } from 'fastify';

/** What the endpoint asks about who calls. `auth/` binds it. */
export abstract class CallerGate {
  /**
   * Charges the caller for what an operation costs beyond the one unit of every call, and tells the limits anew.
   * @throws AppError `rate-limited`; nothing is executed then
   */
  abstract charge(request: FastifyRequest, reply: FastifyReply, units: number): Promise<void>;

  /** Whether the caller may read the schema, and be helped by it with names. */
  abstract mayExplore(request: FastifyRequest): boolean;
}
