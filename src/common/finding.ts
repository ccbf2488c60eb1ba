/** What an examination found (`deadwax doctor`). */
export interface Finding {
  /** What was examined: `database`, `clock`. */
  readonly check: string;
  /** `warning`: it works, and should not stay so. */
  readonly status: 'ok' | 'warning' | 'error';
  /** One sentence; no secret. */
  readonly message: string;
  /** What to do about it; null where all is well. */
  readonly advice: string | null;
}

/** Findings of one check. */
export class Findings {
  readonly all: Finding[] = [];

  constructor(private readonly check: string) {}

  ok(message: string): this {
    return this.add('ok', message, null);
  }

  warn(message: string, advice: string): this {
    return this.add('warning', message, advice);
  }

  fail(message: string, advice: string): this {
    return this.add('error', message, advice);
  }

  private add(status: Finding['status'], message: string, advice: string | null): this {
    this.all.push({ check: this.check, status, message, advice });
    return this;
  }
}

/** Of an error, what may be shown: drivers name user, host and database, never the password. */
export function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return reasonOf(error.errors[0]);
  if (!(error instanceof Error)) return 'unknown fault';
  const { cause } = error;
  return cause instanceof Error && error.message === 'fetch failed' ? reasonOf(cause) : error.message;
}
