import { Injectable, Logger } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { AppError } from '../common/app-error';
import type { Transaction } from '../common/transaction';
import { IdempotencyRepository } from './idempotency.repository';
import { callIdOf, openAnswer, sealAnswer, type StoredAnswer } from './sealed-answer';

/** How long an answer is kept (api.md section 1). */
const KEPT_MS = 24 * 3_600_000;
/** A run whose process died frees its key after this; a living one renews. */
const LEASE_MS = 60_000;
const RENEW_EVERY_MS = 15_000;
const PURGE_EVERY_MS = 60_000;
/** Most calls take less; a client that comes back too early is told again. */
const RETRY_AFTER_SECONDS = 2;

/** The answer of the first call with a key, and what it was asked. */
export interface DoneCall {
  readonly kind: 'done';
  readonly fingerprint: string;
  readonly answer: StoredAnswer;
}

/** What is there under a key: nothing yet (the call is ours to run), a call that still runs, or its answer. */
export type IdempotencyClaim =
  | { readonly kind: 'new'; readonly run: IdempotentRun }
  | { readonly kind: 'running'; readonly retryAfterSeconds: number }
  | DoneCall;

/** Calls that a client may send again without a second effect: `Idempotency-Key`, docs/decisions/0007. */
@Injectable()
export class IdempotencyService {
  private readonly logger = new Logger(IdempotencyService.name);
  private purgedMs = 0;

  constructor(private readonly calls: IdempotencyRepository) {}

  /**
   * Claims a call for this process. A `new` one has to be ended by `complete` or `abandon`; until then it is kept from
   * others, and freed where this process dies.
   * @param callerId tells callers apart, whatever their kind: `callerIdOf`
   * @param operation the route, as in `POST /v1/tokens`
   */
  async claim(callerId: string, operation: string, key: string): Promise<IdempotencyClaim> {
    const now = Date.now();
    this.purgeInPassing(now);
    const id = callIdOf(callerId, operation, key);
    const runId = randomUUID();
    const found = await this.calls.claim(
      id,
      runId,
      new Date(now),
      new Date(now + LEASE_MS),
      new Date(now + KEPT_MS),
    );
    if (found === 'new') return { kind: 'new', run: new IdempotentRun(this.calls, id, runId, key) };
    const { fingerprint, sealedAnswer } = found.call;
    if (found.state === 'running' || fingerprint === null || sealedAnswer === null) {
      return { kind: 'running', retryAfterSeconds: RETRY_AFTER_SECONDS };
    }
    return { kind: 'done', fingerprint, answer: openAnswer(key, id, sealedAnswer) };
  }

  /**
   * Runs a call whose request is known in full: `work` once for each key, its answer for every further call.
   * `work` hands `record` the transaction of its effect together with the answer; without a key that does nothing.
   * @throws AppError `conflict` while the first call still runs, `idempotency-key-reused` for another request
   */
  async once(
    call: { readonly callerId: string; readonly operation: string; readonly key: string | null },
    fingerprint: string,
    work: (
      record: (transaction: Transaction, answer: StoredAnswer) => Promise<void>,
    ) => Promise<StoredAnswer>,
  ): Promise<{ readonly answer: StoredAnswer; readonly isReplay: boolean }> {
    if (call.key === null) return { answer: await work(() => Promise.resolve()), isReplay: false };
    const claim = await this.claim(call.callerId, call.operation, call.key);
    if (claim.kind === 'running') throw stillRunning(claim.retryAfterSeconds);
    if (claim.kind === 'done') return { answer: answerAgain(claim, fingerprint), isReplay: true };
    const { run } = claim;
    try {
      const answer = await work((transaction, given) => run.complete(transaction, fingerprint, given));
      return { answer, isReplay: false };
    } catch (error) {
      await run.abandon();
      throw error;
    }
  }

  private purgeInPassing(now: number): void {
    if (now - this.purgedMs < PURGE_EVERY_MS) return;
    this.purgedMs = now;
    this.calls.purge(new Date(now)).catch((error: unknown) => {
      this.logger.debug({ err: error }, 'expired idempotency keys stay until the next turn');
    });
  }
}

/** A call that is ours to run. Keeps its lease alive until it is completed or abandoned. */
export class IdempotentRun {
  private readonly renewal: NodeJS.Timeout;

  constructor(
    private readonly calls: IdempotencyRepository,
    private readonly id: string,
    private readonly runId: string,
    private readonly key: string,
  ) {
    this.renewal = setInterval(() => {
      // A lease that cannot be renewed runs out; `complete` then refuses.
      this.calls.renew(id, runId, new Date(Date.now() + LEASE_MS)).catch(() => undefined);
    }, RENEW_EVERY_MS);
    this.renewal.unref();
  }

  /**
   * Records the answer in the transaction of the effect: both are there, or neither. May be called again where the
   * transaction is tried again.
   * @throws AppError `conflict` where another run took the call over meanwhile: the transaction must not be committed
   */
  async complete(transaction: Transaction, fingerprint: string, answer: StoredAnswer): Promise<void> {
    clearInterval(this.renewal);
    const isMine = await this.calls.complete(transaction, this.id, this.runId, {
      fingerprint,
      sealedAnswer: sealAnswer(this.key, this.id, answer),
      expiresAt: new Date(Date.now() + KEPT_MS),
    });
    if (!isMine) throw stillRunning(RETRY_AFTER_SECONDS);
  }

  /** The call had no effect: the key may be used again, at once. What was completed and committed stays. Never throws. */
  async abandon(): Promise<void> {
    clearInterval(this.renewal);
    await this.calls.remove(this.id, this.runId).catch(() => undefined); // else the lease frees it
  }
}

/** The 409 to who comes while the first call still runs. */
export function stillRunning(retryAfterSeconds: number): AppError {
  return new AppError('conflict', 'The first call with this Idempotency-Key is still running.', {
    retryAfterSeconds,
  });
}

/**
 * The answer to a call that was made before.
 * @throws AppError `idempotency-key-reused` where that one asked something else
 */
export function answerAgain(done: DoneCall, fingerprint: string): StoredAnswer {
  if (done.fingerprint === fingerprint) return done.answer;
  throw new AppError(
    'idempotency-key-reused',
    'This Idempotency-Key was used for a call with another body. Use a new key for a new call.',
  );
}
