import { applyDecorators, createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { createHash } from 'node:crypto';
import { AppError } from '../common/app-error';
import type { StoredAnswer } from './sealed-answer';

const HEADER = 'Idempotency-Key';
const REPLAYED = 'Idempotency-Replayed';
const RULE = 'must be given once, as 1 to 255 visible ASCII characters';

/**
 * The key that a request carries; null without one.
 * @throws AppError `invalid-request` for a key of another form, or more than one
 */
export function readIdempotencyKey(request: Pick<FastifyRequest, 'raw'>): string | null {
  const given = request.raw.headersDistinct[HEADER.toLowerCase()];
  if (given === undefined) return null;
  const [key = '', second] = given;
  if (second === undefined && /^[\x21-\x7e]{1,255}$/.test(key)) return key;
  throw new AppError('invalid-request', `${HEADER}: ${RULE}`, { fields: [{ field: HEADER, message: RULE }] });
}

/** `readIdempotencyKey` as a parameter of a handler. */
export const IdempotencyKey = createParamDecorator((_: unknown, context: ExecutionContext): string | null =>
  readIdempotencyKey(context.switchToHttp().getRequest<FastifyRequest>()),
);

/** Documents the header on a call that reads it. Its problems, `conflict` and `idempotency-key-reused`, go to `ApiProblems`. */
export function ApiIdempotent(): MethodDecorator {
  return applyDecorators(
    ApiHeader({
      name: HEADER,
      required: false,
      description:
        'Makes the call safe to send again: for 24 hours the same key with the same body gets the first answer once more, marked by `Idempotency-Replayed`. Use a random key, such as a UUID, for each new call.',
      schema: { type: 'string', pattern: '^[\\x21-\\x7e]{1,255}$' },
      example: '0b7c2f9e-5b0e-4c0e-9a39-3d7e6f0f5a11',
    }),
  );
}

/** For the description of the answer that may be a first one, or one sent again. */
export const REPLAYED_HEADER = {
  [REPLAYED]: {
    description: 'Only on an answer that was given before: `true`.',
    schema: { type: 'string' as const, enum: ['true'] },
  },
};

/** Puts an answer on its way, and returns its body. */
export function sendAnswer(
  reply: FastifyReply,
  { answer, isReplay }: { readonly answer: StoredAnswer; readonly isReplay: boolean },
): unknown {
  void reply.status(answer.status).headers(answer.headers);
  if (isReplay) void reply.header(REPLAYED.toLowerCase(), 'true');
  return answer.body;
}

/** What a call with a JSON body asks: SHA-256, hexadecimal, whatever the order of keys and the white space. */
export function fingerprintOf(body: unknown): string {
  return createHash('sha256').update(canonical(body)).digest('hex');
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`;
  if (value === undefined) return ''; // no body at all
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, each]) => `${JSON.stringify(key)}:${canonical(each)}`).join()}}`;
}
