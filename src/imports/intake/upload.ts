import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { AppError } from '../../common/app-error';
import { readCsvRows } from './csv-rows';
import { decodeText } from './decode-text';
import type { FileRow } from './file-row';
import { UnreadableUploadError, UploadTooLargeError } from './import-input.errors';
import { readJsonRows } from './json-rows';
import { readNdjsonRows, readPlainRows } from './line-rows';

/** Of the text itself: what is compressed is measured as it is expanded. */
const MAX_BYTES = 64 * 1024 * 1024;

type Reader = (texts: AsyncIterable<string>, column: string | null) => AsyncGenerator<FileRow[]>;

/** What is read, and whether it may be in another encoding than UTF-8. */
const FORMATS: Readonly<Record<string, { readonly read: Reader; readonly isUtf8: boolean }>> = {
  'application/json': { read: readJsonRows, isUtf8: true },
  'application/x-ndjson': { read: readNdjsonRows, isUtf8: true },
  'text/csv': { read: readCsvRows, isUtf8: false },
  'text/plain': { read: readPlainRows, isUtf8: false },
};

/** The media types that an import can be made of. */
const UPLOAD_TYPES = Object.keys(FORMATS);

/** A body that is to become an import, as its sender describes it. */
export interface Upload {
  readonly body: Readable;
  /** As sent in `Content-Type` and `Content-Encoding`. */
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
  /** `?column=`: name or number of the column of the codes. */
  readonly column: string | null;
}

/** The rows of an upload, as they come; and its fingerprint, once they have all come. */
export interface OpenedUpload {
  readonly rows: AsyncIterable<FileRow[]>;
  /** SHA-256 over the expanded body, hexadecimal. */
  fingerprint(): string;
}

/**
 * Opens an upload without reading it yet.
 * @throws AppError `unsupported-media-type`; from `rows` UnreadableUploadError and UploadTooLargeError
 */
export function openUpload({ body, contentType, contentEncoding, column }: Upload): OpenedUpload {
  const { type, charset } = readContentType(contentType);
  const format = FORMATS[type];
  if (format === undefined) {
    throw new AppError('unsupported-media-type', `The body must be one of ${UPLOAD_TYPES.join(', ')}.`);
  }
  if (format.isUtf8 && charset !== null && !/^utf-?8$/i.test(charset)) {
    throw new AppError('unsupported-media-type', `${type} must be in UTF-8.`);
  }
  if (column !== null && type !== 'text/csv')
    throw new UnreadableUploadError('is for text/csv alone', 'column');
  const hash = createHash('sha256').update(type);
  const bytes = measured(expand(body, contentEncoding), (chunk) => hash.update(chunk));
  const texts = decodeText(bytes, format.isUtf8 ? 'utf-8' : charset);
  let fingerprint: string | undefined; // a hash can be read once
  return {
    rows: format.read(texts, column),
    fingerprint: () => (fingerprint ??= hash.digest('hex')),
  };
}

function readContentType(header = ''): { type: string; charset: string | null } {
  const [type = '', ...parameters] = header.split(';').map((part) => part.trim());
  const charset = parameters.map((each) => /^charset\s*=\s*"?([^"]*)"?$/i.exec(each)?.[1]).find(Boolean);
  return { type: type.toLowerCase(), charset: charset ?? null };
}

function expand(body: Readable, encoding = 'identity'): Readable {
  const name = encoding.trim().toLowerCase();
  if (name === 'identity' || name === '') return body;
  if (name !== 'gzip' && name !== 'x-gzip') {
    throw new AppError('unsupported-media-type', 'The body may be sent as it is, or compressed by gzip.', {
      headers: { 'accept-encoding': 'gzip, identity' },
    });
  }
  const gunzip = createGunzip();
  // It may fail before anybody reads it, or after: an error that nobody listens to would end the process. Readers are told all the same.
  gunzip.on('error', () => undefined);
  // Not `pipeline`, which would destroy the request, and with it the connection that the answer is due on.
  body.on('error', (error) => gunzip.destroy(error));
  body.on('close', () => {
    if (!body.readableEnded) gunzip.destroy(new Error('the upload broke off'));
  });
  return body.pipe(gunzip);
}

async function* measured(stream: Readable, note: (chunk: Buffer) => void): AsyncGenerator<Buffer> {
  let bytes = 0;
  try {
    for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > MAX_BYTES) throw new UploadTooLargeError('The body is larger than 64 MiB.');
      note(chunk);
      yield chunk;
    }
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (typeof code === 'string' && /^Z_|^ERR_ZLIB/.test(code))
      throw new UnreadableUploadError('is not gzip as Content-Encoding says', 'body', error);
    throw error;
  }
}
