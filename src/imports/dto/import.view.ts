import { z } from 'zod';
import type { Page } from '../../common/page';
import type { ImportRow } from '../entities/import-row.entity';
import { IMPORT_STATUSES, ROW_STATUSES } from '../import-states';

const count = z.number().int().min(0);
const moment = z.iso.datetime({ precision: 3 });

const EXAMPLE = {
  id: 'imp_5f0c1d9e8a7b6c3d',
  status: 'running',
  total: 5000,
  processed: 1240,
  counts: {
    created: 900,
    existing: 300,
    refreshed: 0,
    duplicate: 12,
    notFound: 20,
    invalid: 8,
    failed: 0,
    pending: 3760,
  },
  ratePerMinute: 34,
  etaSeconds: 6636,
  resumesAt: null,
  createdBy: 'tok_1',
  createdAt: '2026-11-22T10:00:00.000Z',
  startedAt: '2026-11-22T10:00:01.000Z',
  finishedAt: null,
};

export const importView = z
  .object({
    id: z.string(),
    status: z
      .enum(IMPORT_STATUSES)
      .describe(
        "`paused`: the source's limit holds it, see resumesAt. `failed`: it ended, and every row that was tried failed.",
      ),
    total: count.describe('Rows of the upload; blank lines are none.'),
    processed: count.describe('Rows that became something: total without pending.'),
    counts: z
      .object({
        created: count,
        existing: count,
        refreshed: count,
        duplicate: count,
        notFound: count,
        invalid: count,
        failed: count,
        pending: count,
      })
      .meta({ id: 'ImportCounts', description: 'Rows by status. They add up to total, at every moment.' }),
    ratePerMinute: z.number().min(0).describe('Rows a minute, over the last minute; 0 while nothing moves.'),
    etaSeconds: count
      .nullable()
      .describe(
        "Until the last row is done, by the rate and by what the source's limits allow; 0 when finished, null where nothing tells.",
      ),
    resumesAt: moment.nullable().describe("When the source's limit lets it go on; null unless paused."),
    createdBy: z.string().describe("Id of the API token, or the subject of the identity provider's token."),
    createdAt: moment,
    startedAt: moment.nullable(),
    finishedAt: moment.nullable(),
  })
  .meta({ id: 'Import', description: 'A list of codes on its way.', examples: [EXAMPLE] });
export type ImportView = z.infer<typeof importView>;

export const importPageView = z
  .object({ items: z.array(importView), nextCursor: z.string().nullable() })
  .meta({ id: 'ImportPage', description: 'Imports, newest first.' });

export const importRowView = z
  .object({
    line: z.number().int().describe('Where the row begins in the file, from 1; of a JSON list, its place.'),
    input: z.string().describe('The text found, cut after 500 characters.'),
    isrc: z.string().nullable().describe('In canonical form; null where the input is no code.'),
    status: z.enum(ROW_STATUSES),
    problem: z
      .string()
      .nullable()
      .describe('What went wrong: the slug of a problem, a colon, the reason. Null where nothing did.'),
  })
  .meta({
    id: 'ImportRow',
    description: 'A row of an import.',
    examples: [
      {
        line: 3,
        input: 'US-VT1-03-0000X',
        isrc: null,
        status: 'invalid',
        problem: 'invalid-isrc: its last seven characters must be digits',
      },
    ],
  });
export type ImportRowView = z.infer<typeof importRowView>;

export const importRowPageView = z
  .object({ items: z.array(importRowView), nextCursor: z.string().nullable() })
  .meta({ id: 'ImportRowPage', description: 'Rows of an import, in the order of the file.' });

const NOT_FOUND = 'recording-not-found: the source has no recording under this ISRC';

/** The view of a row. */
export function toImportRowView({ line, input, isrc, status, problem }: ImportRow): ImportRowView {
  return { line, input, isrc, status, problem: problem ?? (status === 'not-found' ? NOT_FOUND : null) };
}

export function toImportRowPageView({
  items,
  nextCursor,
}: Page<ImportRow>): z.infer<typeof importRowPageView> {
  return { items: items.map(toImportRowView), nextCursor };
}

/** Columns of `rows.csv`, and the members of each line of `rows.ndjson`. */
export const ROW_COLUMNS = [
  'line',
  'input',
  'isrc',
  'status',
  'problem',
] as const satisfies (keyof ImportRowView)[];
