import type { ApiOperationOptions } from '@nestjs/swagger';

/** The bodies of `POST /v1/imports`, for the description of the API: they are read as streams, not by a schema. */
export const UPLOAD_BODY: NonNullable<ApiOperationOptions['requestBody']> = {
  required: true,
  description: 'At most 1,000,000 rows and 64 MiB.',
  content: {
    'application/json': {
      schema: {
        type: 'object',
        required: ['isrcs'],
        additionalProperties: false,
        properties: { isrcs: { type: 'array', minItems: 1, maxItems: 1_000_000, items: { type: 'string' } } },
      },
      example: { isrcs: ['USWB10102873', 'us-vt1-03-00001'] },
    },
    'text/csv': {
      schema: { type: 'string' },
      example: 'isrc;title\nUSWB10102873;Clocks\n',
    },
    'application/x-ndjson': {
      schema: { type: 'string' },
      example: '"USWB10102873"\n{"isrc":"USVT10300001"}\n',
    },
    'text/plain': {
      schema: { type: 'string' },
      example: 'USWB10102873\nUSVT10300001\n',
    },
  },
};
