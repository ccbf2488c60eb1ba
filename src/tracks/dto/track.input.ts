import { z } from 'zod';
import { pageQuery } from '../../common/page';
import { normaliseIsrcPrefix } from '../../recording/isrc';
import { type NameQuery, parseNameQuery } from '../name-search';
import { EXPORT_FORMATS } from '../tracks-file';

const MAX_LOOKUP = 1000;

const isrcText = z
  .string()
  .describe('An ISRC in any accepted spelling: USVT10300001, us-vt1-03-00001.')
  .meta({ examples: ['USVT10300001'] });

/** Body of `POST /v1/tracks`. */
export const addTrackBody = z.strictObject({ isrc: isrcText }).meta({ id: 'AddTrack' });
export type AddTrackBody = z.infer<typeof addTrackBody>;

/** Body of `POST /v1/tracks/lookup`. */
export const lookupBody = z
  .strictObject({
    isrcs: z
      .array(isrcText)
      .min(1, 'must have at least one entry')
      .max(MAX_LOOKUP, `must have at most ${MAX_LOOKUP} entries`),
  })
  .meta({ id: 'Lookup' });
export type LookupBody = z.infer<typeof lookupBody>;

const nameText = (what: string) =>
  z
    .string()
    .refine(
      (text) => text.length <= 400 && Array.from(text).length <= 200 && text.length > 0,
      'must have 1 to 200 characters',
    )
    .transform((text, context): NameQuery => {
      const query = parseNameQuery(text);
      if (query !== null) return query;
      context.addIssue({ code: 'custom', message: 'must have a character that can be searched for' });
      return z.NEVER;
    })
    .optional()
    .describe(
      `${what} Case, accents and width do not matter; each word must be found, as the start of a word or, from three characters on, inside one.`,
    )
    .meta({ minLength: 1, maxLength: 200 });

const isrcPrefix = z
  .string()
  .transform((text, context) => {
    const prefix = normaliseIsrcPrefix(text);
    if (prefix !== null) return prefix;
    context.addIssue({ code: 'custom', message: 'must be the first 1 to 12 characters of an ISRC' });
    return z.NEVER;
  })
  .optional()
  .describe('The first 1 to 12 characters of the ISRC, case and hyphens do not matter.')
  .meta({ minLength: 1, maxLength: 20 });

/** Which tracks are meant; without a member, all. */
export const trackFilter = z.strictObject({
  artist: nameText('Part of the name of one of the artists.'),
  title: nameText('Part of the title.'),
  isrcPrefix,
});

/** Query of `GET /v1/tracks`. */
export const listTracksQuery = z.strictObject({ ...trackFilter.shape, ...pageQuery });
export type ListTracksQuery = z.infer<typeof listTracksQuery>;

/** Query of `GET /v1/exports/tracks`: the filters of the list, and no page. */
export const exportTracksQuery = z.strictObject({
  format: z
    .enum(EXPORT_FORMATS, { error: 'must be csv or ndjson' })
    .default('csv')
    .describe('The form of the file.'),
  ...trackFilter.shape,
});
export type ExportTracksQuery = z.infer<typeof exportTracksQuery>;

/** Which artists are meant; without a name, all. */
export const artistFilter = z.strictObject({ name: nameText('Part of the name.') });

/** Query of `GET /v1/artists`. */
export const listArtistsQuery = z.strictObject({ ...artistFilter.shape, ...pageQuery });
export type ListArtistsQuery = z.infer<typeof listArtistsQuery>;

/** Query of lists without a filter of their own. */
export const listQuery = z.strictObject(pageQuery);
export type ListQuery = z.infer<typeof listQuery>;

/** Ids of artists at the source; nothing else can be stored. */
export const artistId = z
  .string()
  .regex(/^[\x21-\x7e]{1,64}$/, 'must be 1 to 64 characters of printable ASCII');
