import { AppError } from '../../common/app-error';

/** An upload that cannot become an import: nothing of it is kept. */
export class UnreadableUploadError extends AppError {
  /** @param field the part of the request at fault: `body`, or `column` */
  constructor(message: string, field: 'body' | 'column' = 'body', cause?: unknown) {
    super('invalid-request', `${field}: ${message}`, { fields: [{ field, message }], cause });
  }
}

/** More than one import may hold. */
export class UploadTooLargeError extends AppError {
  constructor(message: string) {
    super('payload-too-large', message);
  }
}
