import { type ArgumentMetadata, Injectable, type PipeTransform } from '@nestjs/common';
import type { z } from 'zod';
import { AppError, type FieldFault } from './app-error';

const MAX_FAULTS = 100;
const MAX_FIELD_LENGTH = 200;

/**
 * Checks each parameter, query and body against the schema on its decorator (`@Body({ schema })`). Nest's own pipe for
 * this drops `__proto__` keys before the schema sees them; here they are refused like any unknown field.
 */
@Injectable()
export class InputPipe implements PipeTransform {
  /** @throws AppError `invalid-request` naming every field at fault */
  transform(value: unknown, { schema, data, type }: ArgumentMetadata): unknown {
    return schema === undefined ? value : checkInput(schema, value, data ?? type);
  }
}

/** A schema, as the standard of schemas has it. */
interface Checked<Output> {
  readonly '~standard': {
    readonly validate: (value: unknown) => CheckResult<Output> | Promise<CheckResult<Output>>;
  };
}
type CheckResult<Output> =
  { readonly value: Output; readonly issues?: undefined } | { readonly issues: readonly unknown[] };

/**
 * What a schema makes of a value.
 * @param whole what the value itself is called
 * @throws AppError `invalid-request` naming every field at fault
 */
export async function checkInput<Output>(
  schema: Checked<Output>,
  value: unknown,
  whole: string,
): Promise<Output> {
  const result = await schema['~standard'].validate(value);
  if (result.issues === undefined) return result.value;
  const fields = (result.issues as readonly z.core.$ZodIssue[])
    .flatMap((issue) => toFaults(issue, whole))
    .slice(0, MAX_FAULTS);
  const [first] = fields;
  throw new AppError(
    'invalid-request',
    first === undefined ? 'The request is malformed.' : `${first.field}: ${first.message}`,
    { fields },
  );
}

/** @param whole what the value itself is called: a parameter's name, else `body` or `query` */
function toFaults(issue: z.core.$ZodIssue, whole: string): FieldFault[] {
  const field = issue.path.map(String).join('.');
  const named = (name: string, message: string) => ({
    field: name === '' ? '(no name)' : name.slice(0, MAX_FIELD_LENGTH),
    message,
  });
  if (issue.code !== 'unrecognized_keys') return [named(field === '' ? whole : field, wordingOf(issue))];
  return issue.keys.map((key) =>
    named(field === '' ? key : `${field}.${key}`, 'is not a field of this call'),
  );
}

const KINDS: Readonly<Record<string, string>> = { string: 'text', array: 'a list', object: 'an object' };

/** In our words where the schema has none of its own: the library's speak of its types, and of `undefined`. */
function wordingOf(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'invalid_type' || !issue.message.startsWith('Invalid input')) return issue.message;
  if (issue.message.endsWith('received undefined')) return 'is missing';
  return `must be ${KINDS[issue.expected] ?? issue.expected}`;
}
