import { Injectable, StandardSchemaValidationPipe } from '@nestjs/common';
import type { z } from 'zod';
import { AppError, type FieldFault } from './app-error';

/**
 * Checks each parameter, query and body against the schema on its decorator (`@Body({ schema })`).
 * @throws AppError `invalid-request` naming every field at fault
 */
@Injectable()
export class InputPipe extends StandardSchemaValidationPipe {
  constructor() {
    super({
      exceptionFactory: (issues) => {
        const fields = (issues as readonly z.core.$ZodIssue[]).flatMap(toFaults).slice(0, 100);
        const first = fields[0];
        const detail = first === undefined ? 'The request is malformed.' : `${first.field}: ${first.message}`;
        return new AppError('invalid-request', detail, { fields });
      },
    });
  }

  /** Schemas here are strict and copy nothing they do not know: a `__proto__` key must be refused, not dropped. */
  protected override stripProtoKeys(): void {
    // nothing to strip
  }
}

function toFaults(issue: z.core.$ZodIssue): FieldFault[] {
  const field = issue.path.map(String).join('.').slice(0, 200);
  if (issue.code !== 'unrecognized_keys')
    return [{ field: field === '' ? '(input)' : field, message: issue.message }];
  return issue.keys.map((key) => ({
    field: (field === '' ? key : `${field}.${key}`).slice(0, 200),
    message: 'is not a field of this call',
  }));
}
