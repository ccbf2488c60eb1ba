import { z } from 'zod';

export const statusView = z.object({ status: z.enum(['ok', 'error']) }).meta({ id: 'HealthStatus' });

const part = z.object({ status: z.enum(['up', 'degraded', 'down']) }).loose();

/** The format of @nestjs/terminus. */
export const fullHealthView = z
  .object({
    status: z.enum(['ok', 'degraded', 'error', 'shutting_down']),
    info: z.record(z.string(), part).nullable().optional(),
    error: z.record(z.string(), part).nullable().optional(),
    details: z.record(z.string(), part),
  })
  .meta({
    id: 'Health',
    description:
      'Each part by name: database, source, imports, eventLoop, process; identityProvider, replicas, redis and disk where there is one.',
  });
