import type { ProblemSlug } from './problem-catalogue';

/** One fault of the caller's input: where it is (`isrcs[3]`, `query.limit`) and what is wrong with it. */
export interface FieldFault {
  readonly field: string;
  readonly message: string;
}

interface AppErrorExtras {
  /** Told to the caller on 400. */
  readonly fields?: readonly FieldFault[];
  /** Seconds after which the same call may succeed; sent as `Retry-After`. */
  readonly retryAfterSeconds?: number;
  /** Further response headers, such as `Allow` or `WWW-Authenticate`. */
  readonly headers?: Readonly<Record<string, string>>;
  /** For the log alone; never shown to the caller. */
  readonly cause?: unknown;
}

/**
 * An error with a stable slug of the problem catalogue and a text that is safe to show.
 * Services throw it; each transport translates the slug (HTTP: `problem.filter.ts`).
 */
export class AppError extends Error {
  readonly fields: readonly FieldFault[];
  readonly retryAfterSeconds: number | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    readonly slug: ProblemSlug,
    detail: string,
    extras: AppErrorExtras = {},
  ) {
    super(detail, extras.cause === undefined ? undefined : { cause: extras.cause });
    this.name = new.target.name;
    this.fields = extras.fields ?? [];
    this.retryAfterSeconds = extras.retryAfterSeconds;
    this.headers = extras.headers ?? {};
  }
}
