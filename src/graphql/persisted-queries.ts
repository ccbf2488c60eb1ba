import { createHash } from 'node:crypto';
import { GraphQLError } from 'graphql';
import { LRUCache } from 'lru-cache';
import { AppError } from '../common/app-error';
import { cacheCounts } from '../common/cache-counts';

const MAX_QUERIES = 1000;
const MAX_CHARACTERS = 1_000_000;

/**
 * Automatic persisted queries: a document is sent once, with its SHA-256, and then known by it. Kept in this process: whoever asks
 * another one is told to send it again, as the protocol has it.
 */
export class PersistedQueries {
  private readonly texts = new LRUCache<string, string>({
    max: MAX_QUERIES,
    maxSize: MAX_CHARACTERS,
    sizeCalculation: (text) => text.length + 1,
  });

  /** @throws UnknownQueryError */
  find(hash: string): string {
    const text = this.texts.get(hash);
    cacheCounts.note('persisted-queries', text === undefined ? 'miss' : 'hit');
    if (text === undefined) throw new UnknownQueryError();
    return text;
  }

  /** @throws AppError `invalid-request` where it is the hash of something else */
  keep(hash: string, text: string): void {
    if (this.texts.has(hash)) return;
    if (createHash('sha256').update(text).digest('hex') !== hash) {
      const message = 'is not the SHA-256 of the query';
      const field = 'extensions.persistedQuery.sha256Hash';
      throw new AppError('invalid-request', `${field}: ${message}`, { fields: [{ field, message }] });
    }
    this.texts.set(hash, text);
  }
}

/** In the words that clients of the protocol look for. */
class UnknownQueryError extends GraphQLError {
  constructor() {
    super('PersistedQueryNotFound', { extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } });
  }
}
