import { AppError } from '../common/app-error';

/** No import has this id. */
export class ImportNotFoundError extends AppError {
  constructor() {
    super('not-found', 'There is no import with this id.');
  }
}

/** The call contradicts what the import is by now. */
export class ImportConflictError extends AppError {
  constructor(detail: string) {
    super('conflict', detail);
  }
}

/** Rows that were claimed are another worker's by now, or nobody's: what was done for them may not be recorded. */
export class ClaimLostError extends Error {
  override readonly name = 'ClaimLostError';

  constructor() {
    super('the claim on these rows is lost');
  }
}

/** The import was cancelled, or ended otherwise, while its rows were worked on. */
export class ImportStoppedError extends Error {
  override readonly name = 'ImportStoppedError';

  constructor() {
    super('the import was stopped');
  }
}
