import { Reply } from './http-reply';
import { recordedError } from './recorded';
import {
  accountsError,
  apiError,
  htmlReply,
  RateLimitBody,
  serverError,
  ServerErrorStatus,
  textReply,
  tooManyRequests,
  unauthorized,
} from './spotify-errors';
import { EndpointName } from './stats';

/** A fault that takes the place of the whole answer. */
export type ReplyFault =
  /** 429 (spotify-api.md 4.1). Default JSON, 3 s. `date` is the HTTP-date form, `dateSeconds` (30) from now. */
  | {
      kind: 'rate-limit';
      body?: RateLimitBody;
      retryAfter?: number | 'date' | 'missing' | 'garbage';
      dateSeconds?: number;
    }
  /** 5xx (spotify-api.md 4.2). Default body JSON. */
  | { kind: 'status'; status: ServerErrorStatus; body?: 'json' | 'text' | 'html' }
  | { kind: 'empty-body' }
  /** 200 whose body is an error object. */
  | { kind: 'error-body' }
  /** 200 with a page, as a captive portal answers. */
  | { kind: 'html' }
  | { kind: 'invalid-token'; cause?: 'invalid' | 'expired' }
  /** 400 of the token endpoint; aims at it unless told otherwise. */
  | { kind: 'invalid-client'; description?: string }
  | { kind: 'forbidden' }
  /** Default 302 to `/__elsewhere` of the stand-in, where a follower is seen in `stats.requests`. */
  | { kind: 'redirect'; status?: 301 | 302 | 303 | 307 | 308; location?: string }
  /** An entry of fixtures/errors.json by name. */
  | { kind: 'recorded'; name: string };

/** A fault of the connection or of the bytes; the right answer is spoiled on its way. */
export type WireFault =
  /** Never answers; with `ms` it gives up then with 504 (spotify-api.md 4.2: stalls of 30-45 s before 504). */
  | { kind: 'stall'; ms?: number }
  /** The right answer, slowly: `chunkBytes` (1) each `everyMs` (50). */
  | { kind: 'drip'; chunkBytes?: number; everyMs?: number }
  /** TCP reset, by default before the headers. */
  | { kind: 'reset'; when?: 'before-headers' | 'mid-body' }
  /** Well-formed HTTP around half of the JSON. */
  | { kind: 'truncated' }
  /** Valid JSON of at least `bytes` (50 million), chunked, no length told. */
  | { kind: 'huge'; bytes?: number };

/** Everything that can go wrong on purpose (spotify-api.md 7, "429 variants", "faults"). */
export type Fault = ReplyFault | WireFault;

/** Which calls a fault hits: any API call, the token endpoint, or one endpoint. */
export type FaultAim = 'api' | 'token' | EndpointName;

/** The answer that a reply fault stands for. */
export function replyOf(fault: ReplyFault, now: number, baseUrl: string): Reply {
  switch (fault.kind) {
    case 'rate-limit':
      return tooManyRequests(fault.body ?? 'json', retryAfterText(fault, now));
    case 'status':
      return serverError(fault.status, fault.body ?? 'json');
    case 'empty-body':
      return textReply(200, '', {}, 'application/json; charset=utf-8');
    case 'error-body':
      return { ...apiError(503, 'Service unavailable'), status: 200 };
    case 'html':
      return htmlReply(200, 'Welcome');
    case 'invalid-token':
      return unauthorized(fault.cause === 'expired' ? 'The access token expired' : 'Invalid access token');
    case 'invalid-client':
      return accountsError('invalid_client', fault.description ?? 'Invalid client');
    case 'forbidden':
      return apiError(403, 'Forbidden');
    case 'redirect':
      return textReply(fault.status ?? 302, '', { location: fault.location ?? `${baseUrl}/__elsewhere` });
    case 'recorded':
      return recordedError(fault.name);
  }
}

/** True for faults that `replyOf` can answer. */
export function isReplyFault(fault: Fault): fault is ReplyFault {
  return !['stall', 'drip', 'reset', 'truncated', 'huge'].includes(fault.kind);
}

function retryAfterText(fault: ReplyFault & { kind: 'rate-limit' }, now: number): string | undefined {
  const { retryAfter = 3, dateSeconds = 30 } = fault;
  if (retryAfter === 'missing') return undefined;
  if (retryAfter === 'garbage') return 'soon';
  return retryAfter === 'date' ? new Date(now + dateSeconds * 1000).toUTCString() : String(retryAfter);
}

interface PlannedFault {
  fault: Fault;
  aim: FaultAim;
  left: number;
}

/** Which fault hits which call: those planned for the next calls first, then the standing ones. */
export class FaultPlan {
  private planned: PlannedFault[] = [];
  private readonly standing = new Map<FaultAim, Fault>();

  failNext(fault: Fault, times: number, aim: FaultAim = naturalAim(fault)): void {
    this.planned.push({ fault, aim, left: times });
  }

  /** Null clears the standing fault of the aim, or all of them without an aim. */
  setFault(fault: Fault | null, aim?: FaultAim): void {
    if (fault !== null) this.standing.set(aim ?? naturalAim(fault), fault);
    else if (aim !== undefined) this.standing.delete(aim);
    else this.standing.clear();
  }

  clear(): void {
    this.planned = [];
    this.standing.clear();
  }

  /** The fault for a call that just arrived. */
  take(target: 'token' | EndpointName): Fault | null {
    const aims: FaultAim[] = target === 'token' ? ['token'] : [target, 'api'];
    const next = this.planned.find(({ aim, left }) => left > 0 && aims.includes(aim));
    if (next !== undefined) {
      next.left--;
      this.planned = this.planned.filter(({ left }) => left > 0);
      return next.fault;
    }
    return aims.map((aim) => this.standing.get(aim)).find((fault) => fault !== undefined) ?? null;
  }
}

function naturalAim(fault: Fault): FaultAim {
  return fault.kind === 'invalid-client' ? 'token' : 'api';
}
