import { z } from 'zod';
import { pageQuery } from '../../common/page';
import { ROW_STATUSES } from '../import-states';

/** Query of `POST /v1/imports`. */
export const startImportQuery = z.strictObject({
  refresh: z
    .enum(['true', 'false'], { error: 'must be true or false' })
    .optional()
    .describe('Fetch stored tracks anew.'),
  column: z
    .string()
    .min(1, 'must not be empty')
    .max(200, 'must have at most 200 characters')
    .optional()
    .describe('Of text/csv: the column of the codes, by its name in any case, or by its number from 1.'),
});
export type StartImportQuery = z.infer<typeof startImportQuery>;

/** Query of lists of imports. */
export const listImportsQuery = z.strictObject(pageQuery);
export type ListImportsQuery = z.infer<typeof listImportsQuery>;

/** Query of `GET /v1/imports/{id}/rows`. */
export const listRowsQuery = z.strictObject({
  status: z
    .enum(ROW_STATUSES, { error: `must be one of ${ROW_STATUSES.join(', ')}` })
    .optional()
    .describe('Rows of this status alone.'),
  ...pageQuery,
});
export type ListRowsQuery = z.infer<typeof listRowsQuery>;

/** Nothing else can be the id of an import. */
export const importId = z
  .string()
  .regex(/^[\x21-\x7e]{1,64}$/, 'must be 1 to 64 characters of printable ASCII');
